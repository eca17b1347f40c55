//! How fast a link may go, for all nodes together: rights are given out of one bucket, as many in a
//! second as the operator lets all nodes send.
//!
//! Each node that takes here says which part of the link's speed would be its own without a Redis, and
//! the bucket fills with the parts of those that are here: who is not, and goes at its own part by
//! itself, has it all the same. A bucket that is new, or was forgotten, is empty.

use std::time::Duration;

use crate::cache::Cache;
use crate::cache::server::Missed;

/// How long a node waits for rights.
const TAKE: Duration = Duration::from_millis(100);

/// Who has not asked for so long, in milliseconds, is not here any more.
const HERE_MS: u32 = 1_000;
/// The bucket holds what comes in so many seconds, and at least one right.
const DEPTH_SECONDS: f64 = 0.1;

/// KEYS: the bucket. ARGV: the node, its part, the limit a second, what it wants, how long one is here,
/// the depth in seconds. Gives how many rights it has now.
const TAKE_RIGHTS: &str = "local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], 'n' .. ARGV[1], now .. ' ' .. ARGV[2])
local all = redis.call('HGETALL', KEYS[1])
local last, rights, parts = now, 0, 0
for i = 1, #all, 2 do
  local name, value = all[i], all[i + 1]
  if name == 'last' then last = tonumber(value) or now
  elseif name == 'rights' then rights = tonumber(value) or 0
  else
    local at, part = string.match(value, '^(%d+) ([%d.]+)$')
    if at and now - at <= tonumber(ARGV[5]) and now - at >= 0 then parts = parts + tonumber(part)
    else redis.call('HDEL', KEYS[1], name) end
  end
end
local rate = ARGV[3] * math.min(1, parts)
local passed = math.max(0, math.min(now - last, 1000)) / 1000
rights = math.min(rights + passed * rate, math.max(1, rate * ARGV[6]))
local given = math.min(math.floor(rights + 0.000001), math.ceil(ARGV[4]))
if given < 0 then given = 0 end
redis.call('HSET', KEYS[1], 'last', now, 'rights', string.format('%.6f', rights - given))
redis.call('PEXPIRE', KEYS[1], 60000)
return given";

/// What a node takes at a link.
#[derive(Clone, Copy, Debug)]
pub struct Taker<'a> {
    /// Which speed it is, of which link.
    pub of: &'a str,
    /// The node.
    pub node: i64,
    /// The part of the speed that is its own, from 0 to 1.
    pub part: f64,
    /// What the operator lets all nodes send in a second.
    pub limit: f64,
}

impl Cache {
    /// Takes up to `wanted` rights; with none it says that the node is here.
    ///
    /// # Errors
    /// [`Missed`]: the node has to go at its own part.
    pub async fn take_rights(&self, taker: Taker<'_>, wanted: f64) -> Result<u32, Missed> {
        let mut take = redis::cmd("EVAL");
        take.arg(TAKE_RIGHTS)
            .arg(1)
            .arg(format!("{}s:{}", self.prefix, taker.of))
            .arg(taker.node)
            .arg(format!("{:.6}", taker.part.clamp(0.0, 1.0)))
            .arg(format!("{:.3}", taker.limit))
            .arg(format!("{:.0}", wanted.max(0.0).ceil()))
            .arg(HERE_MS)
            .arg(DEPTH_SECONDS);
        self.server.ask(&take, TAKE).await
    }
}
