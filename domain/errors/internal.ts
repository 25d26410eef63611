import { defineErrors } from './entry.ts';

/** 9xxx: Capstan itself. */
export const internalErrors = defineErrors({
  'CAP-9001': {
    title: 'Capstan failed unexpectedly',
    cause: 'A defect, or a dependency that answered in a way Capstan does not know.',
    remedy: 'Apply again: finished steps are not repeated. Report the message if it comes back.',
    httpStatus: 500,
  },
  'CAP-9002': {
    title: 'The operation was lost',
    cause: 'The orchestration instance is missing or was terminated from outside.',
    remedy: 'Apply again: the run continues from what exists.',
    httpStatus: 500,
  },
  'CAP-9003': {
    title: 'The operation is silent',
    cause: 'No step has reported within its bound.',
    remedy: 'Apply again: the run continues from what exists.',
    httpStatus: 500,
  },
  'CAP-9004': {
    title: 'The configuration is wrong',
    cause: 'A setting is missing, unknown or has the wrong form.',
    remedy: 'Correct the settings that are listed; local.settings.sample.json explains each.',
    httpStatus: 500,
  },
  'CAP-9005': {
    title: 'The operation was cancelled',
    cause: 'Somebody asked for it.',
    remedy: 'Apply again to continue, or delete the cluster.',
    httpStatus: 409,
  },
  'CAP-9006': {
    title: 'A step took too long',
    cause: 'Azure or the cluster did not come to the expected state within the bound of the step.',
    remedy: 'Look at the events, remove the cause and apply again: the run continues from where it was.',
    httpStatus: 500,
  },
  'CAP-9007': {
    title: 'Storage of Capstan does not answer',
    cause: 'The storage account of the app is unreachable or refuses our identity.',
    remedy: 'Check AzureWebJobsStorage and the data roles of the app on it.',
    httpStatus: 503,
  },
});
