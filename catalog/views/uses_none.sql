-- No plan was made yet: the view is there, and empty.
CREATE VIEW uses AS
SELECT
    NULL::VARCHAR AS doc_id,
    NULL::VARCHAR AS plan,
    NULL::VARCHAR AS component,
    NULL::VARCHAR AS phase,
    NULL::INTEGER AS epoch,
    NULL::BIGINT AS first_sequence,
    NULL::BIGINT AS last_sequence,
    NULL::BIGINT AS tokens
WHERE false;
