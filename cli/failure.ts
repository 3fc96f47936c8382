// The two ways a command ends badly: it was called wrongly (exit code 2, with the right usage), or it did not work out
// (exit code 1). Anything else that is thrown is a fault of this program and is printed with its stack.

/** One line for the user; exit code 1. */
export class CommandFailure extends Error {}

/** One line for the user, followed by the command's usage; exit code 2. */
export class UsageError extends Error {}
