import type { Scene } from './scene.ts';
import { settings } from './settings.ts';
import { shape } from './shape.ts';

export { stories } from './stories.ts';

/** Every change that is played. */
export const scenes: readonly Scene[] = [...settings, ...shape];
