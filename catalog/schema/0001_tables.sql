-- The catalog's own tables: small, and built anew from the journal at each publication. Times are UTC.

CREATE TABLE runs (
    run_id VARCHAR PRIMARY KEY,
    command VARCHAR,
    started TIMESTAMP,
    ended TIMESTAMP,
    seconds DOUBLE,
    status VARCHAR,
    datamix_version VARCHAR,
    engine VARCHAR,
    workers INTEGER,
    sample VARCHAR,
    project_hash VARCHAR,
    project VARCHAR,
    filters VARCHAR,
    documents BIGINT,
    kept BIGINT,
    quarantined BIGINT,
    bytes BIGINT,
    tokens BIGINT,
    shards_measured BIGINT,
    error VARCHAR
);

CREATE TABLE stages (
    run_id VARCHAR,
    position INTEGER,
    stage VARCHAR,
    seconds DOUBLE,
    worker_seconds DOUBLE,
    items BIGINT,
    documents BIGINT,
    bytes BIGINT,
    megabytes_per_second DOUBLE,
    detail VARCHAR
);

CREATE TABLE sources (
    source VARCHAR PRIMARY KEY,
    domain VARCHAR,
    license VARCHAR,
    priority BIGINT,
    exempt VARCHAR[],
    path VARCHAR[],
    files BIGINT,
    shards BIGINT,
    documents BIGINT,
    quarantined BIGINT,
    bytes BIGINT,
    repeated_ids BIGINT
);

CREATE TABLE shards (
    source VARCHAR,
    shard VARCHAR,
    file VARCHAR,
    kind VARCHAR,
    start_position BIGINT,
    end_position BIGINT,
    file_bytes BIGINT,
    identity VARCHAR,
    content_hash VARCHAR,
    documents BIGINT,
    quarantined BIGINT,
    bytes BIGINT,
    present BOOLEAN,
    run_id VARCHAR
);

CREATE TABLE parts (
    family VARCHAR,
    source VARCHAR,
    shard VARCHAR,
    fingerprint VARCHAR,
    definition VARCHAR,
    path VARCHAR,
    rows BIGINT,
    bytes BIGINT,
    hash VARCHAR,
    seconds DOUBLE,
    sample VARCHAR,
    run_id VARCHAR
);

CREATE TABLE models (
    name VARCHAR,
    role VARCHAR,
    file VARCHAR,
    sha256 VARCHAR,
    label VARCHAR,
    card VARCHAR
);

CREATE TABLE quarantine (
    source VARCHAR,
    shard VARCHAR,
    file VARCHAR,
    line BIGINT,
    byte_offset BIGINT,
    reason VARCHAR,
    detail VARCHAR,
    documents BIGINT
);

CREATE TABLE mixtures (
    mixture VARCHAR,
    spec_hash VARCHAR,
    file VARCHAR,
    spec VARCHAR
);

CREATE TABLE plans (
    plan VARCHAR PRIMARY KEY,
    mixture VARCHAR,
    created TIMESTAMP,
    tokens BIGINT,
    sequences BIGINT,
    sequence_length BIGINT,
    seed BIGINT,
    path VARCHAR,
    pins VARCHAR,
    warnings VARCHAR[]
);

CREATE TABLE phases (
    plan VARCHAR,
    position INTEGER,
    phase VARCHAR,
    start_sequence BIGINT,
    end_sequence BIGINT,
    component VARCHAR,
    tokens BIGINT,
    sequences BIGINT,
    epochs DOUBLE
);

CREATE TABLE emissions (
    emission VARCHAR PRIMARY KEY,
    plan VARCHAR,
    format VARCHAR,
    path VARCHAR,
    created TIMESTAMP,
    shards BIGINT,
    documents BIGINT,
    sequences BIGINT,
    tokens BIGINT,
    bytes BIGINT,
    seconds DOUBLE
);

CREATE TABLE schedules (
    schedule VARCHAR PRIMARY KEY,
    cron VARCHAR,
    timezone VARCHAR,
    first_seen TIMESTAMP,
    last_due TIMESTAMP,
    last_job VARCHAR
);

CREATE TABLE jobs (
    job VARCHAR PRIMARY KEY,
    schedule VARCHAR,
    due TIMESTAMP,
    address VARCHAR,
    command VARCHAR,
    submitted TIMESTAMP,
    ended TIMESTAMP,
    status VARCHAR,
    exit_code INTEGER,
    message VARCHAR,
    log_tail VARCHAR
);
