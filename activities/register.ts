/** Importing a file registers its activities. */
import './add-ons.ts';
import './agent.ts';
import './cluster-keys.ts';
import './delete.ts';
import './ensure-resource.ts';
import './finish.ts';
import './first-machine.ts';
import './image.ts';
import './next-share.ts';
import './managed.ts';
import './pivot.ts';
import './preflight.ts';
import './report-step.ts';
import './scale.ts';
import './update.ts';
import './wait-for-api.ts';
