-- What a live call needs beside its record: where it runs, its log, and the ways into it.
CREATE TABLE calls (
    session_id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    node text NOT NULL,
    epoch integer NOT NULL CHECK (epoch > 0),
    media_url text NOT NULL,
    lease_until timestamptz NOT NULL,
    started_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    paused boolean NOT NULL DEFAULT false,
    -- The highest sequence number given to any epoch so far: a new epoch starts after it.
    reserved_seq bigint NOT NULL,
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX calls_node_idx ON calls (node);

CREATE TABLE session_events (
    session_id uuid NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    epoch integer NOT NULL,
    type text NOT NULL,
    at_ms bigint NOT NULL,
    -- everyone, coached, server (kept, never sent) or participant:<id>
    audience text NOT NULL,
    payload jsonb NOT NULL,
    organization_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (session_id, seq),
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);

CREATE TABLE media_nodes (
    node text PRIMARY KEY,
    media_url text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    seen_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE call_commands (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    kind varchar(50) NOT NULL,
    payload jsonb NOT NULL DEFAULT '{}',
    created_by uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    acknowledged_at timestamptz,
    outcome varchar(50),
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX call_commands_pending_idx ON call_commands (session_id, created_at) WHERE acknowledged_at IS NULL;
CREATE INDEX call_commands_session_id_idx ON call_commands (session_id);
CREATE INDEX call_commands_created_by_idx ON call_commands (created_by);

CREATE TABLE join_tickets (
    token_hash bytea PRIMARY KEY,
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    participant_id uuid NOT NULL REFERENCES session_participants (id) ON DELETE CASCADE,
    node text NOT NULL,
    media_url text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX join_tickets_session_id_idx ON join_tickets (session_id);
CREATE INDEX join_tickets_participant_id_idx ON join_tickets (participant_id);

CREATE TABLE session_invites (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash bytea NOT NULL UNIQUE,
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    role varchar(20) NOT NULL CHECK (role IN ('participant', 'supervisor', 'customer')),
    name varchar(255),
    -- The guest joins with this member's rights: without the member the invitation is void.
    created_by uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX session_invites_session_id_idx ON session_invites (session_id);
CREATE INDEX session_invites_created_by_idx ON session_invites (created_by);
