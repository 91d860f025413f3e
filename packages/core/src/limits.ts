const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * Every bound of the system, in one place. What exceeds one is refused with an error that names the
 * field and the limit, and changes nothing.
 */
export const LIMITS = {
  /** Tasks of one job; leaves room above for the indices that stand for commit and cleanup task. */
  tasksPerJob: 16 * 1024 * 1024,
  /** Inputs of all tasks of one job together. */
  inputsPerJob: 128 * 1024 * 1024,
  /** Outputs of all tasks of one job together. */
  outputsPerJob: 64 * 1024 * 1024,
  /** Ordering-only edges of one job. */
  orderEdgesPerJob: 128 * 1024 * 1024,
  /** Inputs of one job. */
  jobInputs: 16 * 1024 * 1024,
  /** Constants of one job. */
  constantsPerJob: 1024 * 1024,
  /** Distinct task kinds (package, function, types, policy) of one job. */
  taskKindsPerJob: 64 * 1024,
  /** Inputs and outputs of all task kinds of one job together. */
  taskKindSlotsPerJob: 4 * 1024 * 1024,
  /** Distinct types of one job. */
  typesPerJob: 64 * 1024,
  /** Inputs, and outputs, of one task kind. */
  slotsPerTask: 64 * 1024,
  /** Bytes of a package or function name. */
  nameBytes: 256,
  /** Bytes of a struct type's name, which may spell out types that it wraps. */
  structNameBytes: 4 * KIB,
  /** Levels of a type descriptor. */
  typeDepth: 64,
  /** Shortest soft and hard timeout of a task. */
  taskTimeoutMsMin: 100,
  /** Longest soft and hard timeout of a task: a day. */
  taskTimeoutMsMax: 86_400_000,
  /** Longest wait before a task is tried again for the first time: a day. */
  retryDelayMs: 86_400_000,
  /** Starts and cancels of one job that wait for a change of its state to become durable. */
  requestsWaitingPerJob: 1024,
  /** Bytes of a resource group's password. */
  passwordBytes: 2 * KIB,
  /** Passwords that wait to be hashed, which takes a tenth of a second of a core each. */
  passwordsWaiting: 256,
  /** Resource groups whose failed logins are remembered. */
  failedLoginGroups: 10_000,
  /** Bytes of an idempotency key. */
  idempotencyKeyBytes: 256,
  /** Bytes of a job's name. */
  jobNameBytes: 256,
  /** Longest time from a job's start to its deadline: a year. */
  jobDeadlineMsMax: 365 * 86_400_000,
  /** Latest time that can be named, in milliseconds since the epoch; that of a `Date`. */
  timestampMsMax: 8_640_000_000_000_000,
  /** Bytes of the reason that is given with a cancel. */
  endReasonBytes: KIB,
  /** Labels of a job, and of a filter. */
  labelsPerJob: 64,
  /** Bytes of a label's key. */
  labelKeyBytes: 64,
  /** Bytes of a label's value. */
  labelValueBytes: 256,
  /** A commit and a cleanup task. */
  terminationTasks: 2,
  /** Kinds of tasks of which only so many may be out at a time. */
  limitedKinds: 128,
  /** Resource groups of which only so many tasks may be out at a time. */
  limitedGroups: 4096,
  /** Labels that a job requires of execution managers. */
  requiredLabels: 16,
  /** Labels of an execution manager. */
  labelsPerExecutionManager: 64,
  /** Resource groups that an execution manager is dedicated to. */
  dedicatedGroups: 1024,
  /** Kinds of execution managers, by labels and resource groups, that a scheduler serves at a time. */
  executionManagerPools: 1024,
  /** Resource groups whose share is configured. */
  weightedGroups: 4096,
  /** The largest share of a resource group. */
  groupWeight: 10_000,
  /** States that a list of jobs or tasks asks for; more would be repetitions. */
  statesPerFilter: 16,
  /** Jobs, or tasks, in one page of a list. */
  pageSize: 1000,
  /** The same when nothing is asked for. */
  pageSizeDefault: 100,
  /** Bytes of names, labels and messages in one page of a list of jobs. */
  pageTextBytes: 3 * MIB,
  /** Characters of an error message in a list. */
  listedErrorLength: 1024,
  /** Functions in the description of a job. */
  describedKinds: 4096,
  /** Tasks of one job whose last error is kept in memory. */
  taskErrorsPerJob: 10_000,
  /** Bytes of the error message that a job or an attempt keeps; what is longer is cut. */
  errorMessageBytes: 64 * KIB,
  /** Bytes of one task's inputs, and of its outputs, as a wire frame. */
  taskPayloadBytes: 64 * MIB,
  /**
   * Bytes of inputs or outputs with which a message between storage and an execution manager is full.
   * A task whose inputs or outputs have more goes alone.
   */
  batchBytes: 1 * MIB,
  /** Bytes of a submission's columnar graph, and of its inputs. */
  submissionBytes: 256 * MIB,
  /** Bytes of a job's outputs, as a wire frame. */
  jobOutputBytes: 256 * MIB,
  /** Bytes of a submission, and of a job's outputs, that go in one message; more go in pieces. */
  unaryPayloadBytes: 3 * MIB,
  /** One piece of them. */
  chunkBytes: 1 * MIB,
  /** One message from a client to storage, which is as large as gRPC allows by default. */
  clientMessageBytes: 4 * MIB,
  /** Bytes of one database row's blob; larger ones are split (MariaDB refuses packets over 16 MiB). */
  blobRowBytes: 1 * MIB,
  /** Body of an executor pipe frame in the reference's format. */
  executorFrameBytes: 8 * MIB,
  /** What a decompressed blob may have. */
  decompressedBytes: 32 * MIB,
  /** Concatenated zstd frames of one blob. */
  zstdFrames: 1024,
  /** Tasks in one message between storage, scheduler and execution manager. */
  tasksPerMessage: 4096,
  /** Instances that an execution manager lists when it connects: running, or reported and kept. */
  heldInstances: 1024 * 1024,
  /** One message between processes: a task's inputs or outputs, with room for the rest. */
  messageBytes: 66 * MIB,
  /** Values that one message to a server becomes when it is decoded; a message within it counts for 16. */
  valuesPerMessage: 4 * 1024 * 1024,
  /** One message in JSON. */
  jsonMessageBytes: 1 * MIB,
  /** Messages of one stream that wait for a peer to read them. */
  pendingMessages: 16 * 1024,
  /** Slots of one execution manager. */
  slotsPerExecutionManager: 1024,
  /** Tasks that a scheduler sends an execution manager in one batch; larger ones gain nothing. */
  tasksPerAssignmentBatch: 256,
  /** Credit that an execution manager has at a scheduler, with what it has not acknowledged. */
  assignmentCredit: 64 * 1024,
  /** Tasks that a scheduler buffers at most, however it is configured. */
  bufferedReadyTasks: 1024 * 1024,
  /** What clients, schedulers and execution managers of the reference read of one message. */
  referenceMessageBytes: 4 * MIB,
  /** One request of theirs to storage: a task's outputs, with room for the rest. */
  referenceRequestBytes: 65 * MIB,
  /** Tasks in one answer to a poll of the reference's; fewer than its schedulers can read of a message. */
  tasksPerPoll: 16 * 1024,
  /** Polls of the reference's that wait at a time, for each kind of tasks. */
  waitingPolls: 1024,
  /** How long a poll of the reference's waits, whatever it asks for. */
  pollWaitMs: 60_000,
  /** Jobs that storage names in one message as ended. */
  endedJobsPerMessage: 1024 * 1024,
  /** Reads of task logs that one storage serves at a time. */
  taskLogReads: 256,
  /** Reads of task logs that one execution manager answers at a time. */
  taskLogReadsPerExecutionManager: 64,
  /** Lines in one piece of a task's log. */
  taskLogPieceLines: 1024,
  /** Bytes of the lines in one piece of a task's log. */
  taskLogPieceBytes: 1 * MIB,
  /** Pieces of one task's log that are on their way at a time. */
  taskLogCredit: 4,
  /** Bytes of a program's version. */
  versionBytes: 64,
  /** Watches of a server's health that are open at a time. */
  healthWatches: 256,
  /** Execution managers that one storage serves at a time. */
  executionManagersPerStorage: 64 * 1024,
  /** Execution managers that one scheduler serves at a time. */
  executionManagersPerScheduler: 16 * 1024,
} as const;
