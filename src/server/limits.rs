//! Every limit of the wire, in one place. The comments of the proto files repeat them for callers.

use std::time::Duration;

/// Longest message of one export, bytes: 1 MiB. A request of 1,000 full lines is about 300 kB.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;
/// Longest gRPC message of any kind, bytes: a batch of 100 ordinary exports is far below. Beyond it the transport
/// itself refuses, with `OUT_OF_RANGE` and without details.
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// Most exports in a batch.
pub const BATCH_MAX: usize = 100;
/// Longest page of recorded decisions, bytes. Clients refuse more than 4 MiB by default.
pub const PAGE_BYTES_MAX: usize = 3 << 20;
/// Most connections at a time; one more is closed at once.
pub const CONNECTIONS_MAX: usize = 256;
/// Most open calls on a connection; clients hold further ones back by themselves.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 256;
/// Most answers that a `CheckExports` stream may be owed before it reads on.
pub const STREAM_WINDOW_MAX: usize = 256;
/// Longest header block, bytes.
pub const HEADER_BYTES_MAX: u32 = 16 << 10;
/// A connection that shows no life for this long is asked for some.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_mins(1);
/// A connection that does not answer for this long is closed.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Most messages of a replay that wait for its client; then the replay waits.
pub const REPLAY_WINDOW_MAX: usize = 256;
/// A client that takes nothing of a replay for this long is cut off: it would keep others from theirs.
pub const REPLAY_STALL_MAX: Duration = Duration::from_mins(1);
