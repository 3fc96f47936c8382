// Leaves no orphans: one tiny shell reads the process groups in use from a pipe, and when the pipe ends because this
// program is gone, by SIGKILL or a crash, ends those groups. Orderly stops are the owners' own business.
import { spawn, type ChildProcess } from "node:child_process";

// Lines are "+ GROUP" and "- GROUP". The groups get a second to leave before they are killed.
// `kill -s NAME -- -GROUP` is the form that every POSIX shell takes; dash knows no other with a negative number.
const script = `
groups=" "
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s TERM -- "-$group" 2>/dev/null; done
[ "$groups" = "\${groups#*[0-9]}" ] && exit 0
sleep 1
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
exit 0
`;

/** Knows every process group that must not outlive this program. */
export class Guardian {
  readonly #shell: ChildProcess;

  constructor() {
    // A group of its own: Ctrl-C in the terminal must not end the guardian before its work is done.
    this.#shell = spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    this.#shell.on("error", () => {});
    this.#shell.stdin?.on("error", () => {});
    this.#shell.unref();
  }

  /** `group` is the process id of a leader that was spawned detached. */
  watch(group: number): void {
    this.#shell.stdin?.write(`+ ${group}\n`);
  }

  /** To be called when the group is known to be gone: its number may be given to somebody else. */
  forget(group: number): void {
    this.#shell.stdin?.write(`- ${group}\n`);
  }

  /** Ends the guardian; groups that are still watched are ended with it. Resolves when it has exited. */
  async close(): Promise<void> {
    if (this.#shell.exitCode !== null || this.#shell.signalCode !== null || this.#shell.pid === undefined) {
      return;
    }
    this.#shell.ref();
    await new Promise<void>((resolve) => {
      this.#shell.once("exit", () => resolve());
      this.#shell.stdin?.end();
    });
  }
}
