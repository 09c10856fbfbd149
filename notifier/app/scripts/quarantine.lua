-- Keeps what could not be parsed or believed, for 14 days.
-- KEYS: quarantine.  ARGV: oldest ms to keep, then field, value, ….
redis.call('XADD', KEYS[1], 'MINID', '~', ARGV[1] .. '-0', '*', unpack(ARGV, 2))
return 1
