import type { ClusterPlan } from '#domain/plan/types.ts';
import { type CallResult, call } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { found } from '../halt.ts';
import { parseArmId } from '../resource/arm-id.ts';
import type { PreflightCheck } from '../types.ts';
import { passed, refused } from './rows.ts';

/** Regions an image version can be used in; undefined when the source does not tell. */
interface Version {
  readonly regions: readonly string[] | undefined;
}

async function readVersion(connection: Connection, plan: ClusterPlan): Promise<CallResult<Version>> {
  const { communityGallery } = plan.spec.image;
  if (communityGallery !== undefined) {
    const { communityGalleryImageVersions } = await connection.clients(plan.azure.subscriptionId).compute();
    const { gallery, name, version } = communityGallery;
    return call(async () => {
      await communityGalleryImageVersions.get(plan.azure.location, gallery, name, version);
      return { regions: undefined };
    });
  }
  const { subscriptionId, resourceGroup, names } = parseArmId(plan.image.id);
  const { galleryImageVersions } = await connection.clients(subscriptionId).compute();
  const [gallery = '', image = '', version = ''] = names;
  return call(async () => {
    const read = await galleryImageVersions.get(resourceGroup, gallery, image, version);
    return { regions: read.publishingProfile?.targetRegions?.map((region) => region.name) };
  });
}

function plain(region: string): string {
  return region.toLowerCase().replaceAll(' ', '');
}

/** Whether an image of a gallery exists and can be used in the region of the cluster. */
export async function galleryCheck(connection: Connection, plan: ClusterPlan): Promise<PreflightCheck> {
  const id = 'galleryImage';
  const title = 'Image of a gallery';
  const { location } = plan.azure;
  const where = plan.image.id;
  const version = found(await readVersion(connection, plan), where, 'read the image version');
  if (version === undefined) {
    return refused(id, title, capstanError('CAP-2016', 'The image version of spec.image does not exist.', { where }));
  }
  const { regions } = version;
  if (regions !== undefined && !regions.some((region) => plain(region) === plain(location))) {
    const cause = `it is in: ${regions.join(', ')}`;
    const message = `The image version is not replicated to ${location}.`;
    return refused(id, title, capstanError('CAP-2016', message, { where, cause }));
  }
  return passed(id, title, `${plan.image.name} can be used in ${location}`);
}
