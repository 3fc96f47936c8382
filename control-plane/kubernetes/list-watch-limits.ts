// Times and bounds of a ListWatch. Tests shorten them; nobody else sets them.

export interface ListWatchLimits {
  /** Objects of one page of a list; fewer once a page was too long. */
  readonly pageObjects: number;
  readonly maxPageBytes: number;
  /** Of one event: an object of at most 1.5 MiB in etcd, written as JSON. */
  readonly maxLineBytes: number;
  /** The longest that the server is asked to hold a watch open. */
  readonly watchTimeoutMs: number;
  /** From sending to an answer, and between the parts of a list. */
  readonly responseTimeoutMs: number;
  /** The longest that a watch says nothing: servers send a bookmark about every minute. Then it is resumed. */
  readonly silenceMs: number;
  readonly firstBackoffMs: number;
  readonly maxBackoffMs: number;
  /** A watch that ends sooner, without a word, has failed. */
  readonly steadyMs: number;
  /** Between looks for a kind that the server does not have. */
  readonly missingRetryMs: number;
  /** Before an answer that would remove most of what is known is asked for a second time. */
  readonly confirmDelayMs: number;
  /** Below this, a list that shrinks is believed at once. */
  readonly doubtedWeight: number;
}

export const defaultListWatchLimits: ListWatchLimits = {
  pageObjects: 500,
  maxPageBytes: 32 * 1024 * 1024,
  maxLineBytes: 8 * 1024 * 1024,
  watchTimeoutMs: 600_000,
  responseTimeoutMs: 30_000,
  silenceMs: 150_000,
  firstBackoffMs: 100,
  maxBackoffMs: 10_000,
  steadyMs: 1000,
  missingRetryMs: 3000,
  confirmDelayMs: 500,
  doubtedWeight: 10,
};
