// Why the codec refuses a message, by stable names, and the status a server answers a refused request with. A refused
// response is always a bad gateway. The names go to clients (heddle-reason), logs and metrics: never rename one.

/** Status by reason for requests. */
const STATUS_OF_REASON = {
  /** Start line: RFC 9112 sections 3 and 4. */
  bad_request_line: 400,
  bad_status_line: 400,
  bad_request_target: 400,
  unknown_method: 501,
  unsupported_version: 505,
  target_too_long: 414,
  /** Lines: RFC 9112 sections 2.2, 5.1 and 5.2. */
  bare_carriage_return: 400,
  bare_line_feed: 400,
  bad_header_name: 400,
  bad_header_value: 400,
  space_before_colon: 400,
  obsolete_folding: 400,
  head_too_large: 431,
  too_many_headers: 431,
  /** Host: RFC 9112 section 3.2. */
  missing_host: 400,
  repeated_host: 400,
  bad_host: 400,
  /** Framing: RFC 9112 sections 6.1 to 6.3. */
  content_length_with_transfer_encoding: 400,
  repeated_content_length: 400,
  bad_content_length: 400,
  repeated_transfer_encoding: 400,
  bad_transfer_encoding: 400,
  unsupported_transfer_encoding: 501,
  transfer_encoding_in_http_1_0: 400,
  transfer_encoding_without_body: 400,
  content_length_without_body: 400,
  content_in_connect: 400,
  bad_connection_option: 400,
  too_many_connection_options: 431,
  /** Chunked bodies: RFC 9112 section 7.1. */
  bad_chunk_size: 400,
  chunk_too_large: 413,
  bad_chunk_extension: 400,
  chunk_extension_too_large: 413,
  bad_chunk_end: 400,
  trailer_too_large: 431,
  too_many_trailers: 431,
  forbidden_trailer: 400,
} as const;

export type RefusalReason = keyof typeof STATUS_OF_REASON;

export interface Refusal {
  /** What to answer: the status of the table for a request, 502 for a response. */
  readonly status: number;
  readonly reason: RefusalReason;
}

export function refuseRequest(reason: RefusalReason): Refusal {
  return { status: STATUS_OF_REASON[reason], reason };
}

export function refuseResponse(reason: RefusalReason): Refusal {
  return { status: 502, reason };
}
