-- What could not be read: file, line and reason.
SELECT source, file, line, byte_offset, reason, documents, detail
FROM quarantine
ORDER BY source, file, line
LIMIT 1000;
