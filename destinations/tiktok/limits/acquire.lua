-- Take one token of every bucket, or none. The rules are those of memory.py, where they are explained.
-- KEYS: one hash per bucket. ARGV: share, now in seconds ("" = the server's clock), then per bucket pace, capacity, lead.
-- Hash fields: t tokens, a refilled at, p paused until, v service, and per share s:<name> = served|wanted_until|slot|seen.
-- Returns microseconds: 0 = go, else when to ask again.
local GRACE, HORIZON, IDLE, SHORTEST, TTL = 0.05, 1.0, 2.0, 0.0005, 60

local name = 's:' .. ARGV[1]
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function ask(key, pace, capacity, lead)
  local b = {key = key, t = capacity, a = now, p = 0, v = 0, others = {}, idle = {}}
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    local field, value = flat[i], flat[i + 1]
    if string.sub(field, 1, 2) == 's:' then
      local served, wanted, slot, seen = string.match(value, '^(.-)|(.-)|(.-)|(.-)$')
      local share = {served = tonumber(served), wanted = tonumber(wanted), slot = tonumber(slot), seen = tonumber(seen)}
      if field == name then
        b.share = share
      elseif now - share.seen >= IDLE then
        b.idle[#b.idle + 1] = field
      else
        b.others[#b.others + 1] = share
      end
    else
      b[field] = tonumber(value)
    end
  end
  b.t = math.min(capacity, b.t + math.max(0, now - b.a) * pace)
  b.share = b.share or {served = b.v, wanted = 0, slot = 0}
  b.share.served = math.max(b.share.served, b.v - lead - 1)
  local ahead = false
  for _, other in ipairs(b.others) do
    ahead = ahead or (other.wanted > now and b.share.served > other.served + lead)
  end
  b.spacing = 1 / pace
  if b.p > now then b.seconds = b.p - now
  elseif b.t < 1 then b.seconds = (1 - b.t) / pace
  elseif ahead then b.seconds = b.spacing
  else b.seconds = 0 end
  return b
end

local function save(b)
  local s = b.share
  redis.call('HSET', b.key, 't', string.format('%.9f', b.t), 'a', string.format('%.6f', now), 'v', string.format('%.6f', b.v),
    name, string.format('%.6f|%.6f|%.6f|%.6f', s.served, s.wanted, s.slot, now))
  if #b.idle > 0 then redis.call('HDEL', b.key, unpack(b.idle)) end
  redis.call('EXPIRE', b.key, math.ceil(math.max(TTL, b.p - now + TTL)))
end

local buckets, worst = {}, nil
for i, key in ipairs(KEYS) do
  local at = 3 * i
  buckets[i] = ask(key, tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]))
  if not worst or buckets[i].seconds > worst.seconds then worst = buckets[i] end
end

local wait = 0
if worst and worst.seconds > 0 then
  for _, b in ipairs(buckets) do
    if b ~= worst then b.share.wanted = 0 end
  end
  local earliest = now + worst.seconds
  local slot = math.max(earliest, worst.share.slot)
  if slot > earliest + HORIZON then slot = earliest end
  worst.share.slot = slot + worst.spacing
  worst.share.wanted = math.max(worst.share.wanted, slot + GRACE)
  wait = math.max(slot - now, SHORTEST)
else
  for _, b in ipairs(buckets) do
    if b.share.wanted <= now + GRACE then b.share.wanted = 0 end
    b.t = b.t - 1
    b.share.served = b.share.served + 1
    b.v = math.max(b.v, b.share.served)
  end
end
for _, b in ipairs(buckets) do save(b) end
return math.ceil(wait * 1000000)
