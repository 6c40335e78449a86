-- Let nobody through a bucket. KEYS: its hash. ARGV: now in seconds ("" = the server's clock), seconds.
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local until_ = math.max(now + tonumber(ARGV[2]), tonumber(redis.call('HGET', KEYS[1], 'p') or '0'))
redis.call('HSET', KEYS[1], 'p', string.format('%.6f', until_))
redis.call('EXPIRE', KEYS[1], math.ceil(until_ - now) + 60)
