/**
 * Owns: what happens to an intent whose outcome nobody knows (sent, no answer; or the process ended between commit and
 * answer). One row per intent type; a type without a row does not compile. Nothing is ever re-sent blindly: the next
 * decision starts from what is found.
 */
import type { IntentType } from '../intents.ts';

export type RecoveryRule =
  /** One read by name tells; the effect key on the object says whether it was ours. */
  | 'read-and-compare'
  /** The watch on the PostgresCluster tells; nothing to ask. */
  | 'watch-tells'
  /** Nobody needs to know: forget it. */
  | 'forget'
  /** A read or a dry run changed nothing: it is asked again, later each time. */
  | 'ask-again'
  /** The latest level is published again, later each time. */
  | 'publish-latest'
  /** Wait longer than the server's own timeout, then probe: the procedure starts with a probe. */
  | 'wait-and-probe';

export const recoveryRules: Readonly<Record<IntentType, RecoveryRule>> = {
  AddFinalizer: 'watch-tells',
  ReleaseFinalizer: 'watch-tells',
  CreateObject: 'read-and-compare',
  CreateSecret: 'read-and-compare',
  RepairObject: 'read-and-compare',
  RepairStatefulSet: 'read-and-compare',
  RemoveForeignFields: 'read-and-compare',
  AdoptObject: 'read-and-compare',
  MarkRetained: 'read-and-compare',
  StripMarks: 'read-and-compare',
  ReleaseObject: 'read-and-compare',
  DeleteObject: 'read-and-compare',
  CompareObject: 'ask-again',
  ReadObject: 'ask-again',
  ReadEvents: 'ask-again',
  CreateDatabase: 'wait-and-probe',
  PatchPatroniConfig: 'read-and-compare',
  RequestSwitchover: 'watch-tells',
  RestartPostgres: 'watch-tells',
  ReloadPostgres: 'watch-tells',
  ReinitializeMember: 'watch-tells',
  VerifyParameters: 'ask-again',
  MeasureVolume: 'ask-again',
  LabelPod: 'watch-tells',
  GrowVolume: 'read-and-compare',
  SetPasswords: 'wait-and-probe',
  WriteSecret: 'read-and-compare',
  PublishStatus: 'publish-latest',
  EmitEvent: 'forget',
};
