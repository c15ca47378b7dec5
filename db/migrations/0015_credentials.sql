-- What happens before anybody is known, and what a person may do that row level security alone cannot say: one
-- SECURITY DEFINER function each. Credentials arrive as sha256; a function returns the minimum.

-- programs -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION authenticate_api_key(wanted_hash bytea) RETURNS TABLE (
    api_key_id uuid,
    scopes text[],
    user_id uuid,
    email varchar,
    full_name varchar,
    organization_id uuid,
    organization_name varchar,
    organization_slug varchar,
    role varchar
)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH touched AS (
        UPDATE api_keys
        SET last_used_at = now()
        WHERE key_hash = wanted_hash
            AND revoked_at IS NULL
            AND (last_used_at IS NULL OR last_used_at < now() - interval '5 minutes')
    )
    SELECT
        api_keys.id,
        api_keys.scopes,
        users.id,
        users.email,
        users.full_name,
        organizations.id,
        organizations.name,
        organizations.slug,
        organization_members.role
    FROM api_keys
    JOIN users ON users.id = api_keys.user_id
    JOIN organizations ON organizations.id = api_keys.organization_id
    JOIN organization_members
        ON organization_members.organization_id = api_keys.organization_id
        AND organization_members.user_id = api_keys.user_id
        AND organization_members.status = 'active'
    WHERE api_keys.key_hash = wanted_hash
        AND api_keys.revoked_at IS NULL
        AND (api_keys.expires_at IS NULL OR api_keys.expires_at > now())
        AND users.is_active
        AND users.deleted_at IS NULL
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
$$;

-- A link lives as long as its session and the membership of the person who made it. One that has expired says so, and
-- nothing else; unknown, revoked and orphaned ones look the same.
CREATE FUNCTION open_share_link(wanted_hash bytea) RETURNS TABLE (
    id uuid,
    session_id uuid,
    organization_id uuid,
    created_by uuid,
    shared_tabs text[],
    message text,
    is_expired boolean
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    link session_share_links;
BEGIN
    SELECT session_share_links.*
    INTO link
    FROM session_share_links
    JOIN sessions ON sessions.id = session_share_links.session_id
    JOIN organizations ON organizations.id = session_share_links.organization_id
    JOIN users ON users.id = session_share_links.created_by
    JOIN organization_members
        ON organization_members.organization_id = session_share_links.organization_id
        AND organization_members.user_id = session_share_links.created_by
        AND organization_members.status = 'active'
    WHERE session_share_links.token_hash = wanted_hash
        AND session_share_links.revoked_at IS NULL
        AND sessions.deleted_at IS NULL
        AND users.is_active
        AND users.deleted_at IS NULL
        AND organizations.is_active
        AND organizations.deleted_at IS NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF link.expires_at <= now() THEN
        RETURN QUERY SELECT NULL::uuid, NULL::uuid, NULL::uuid, NULL::uuid, NULL::text[], NULL::text, true;
        RETURN;
    END IF;
    UPDATE session_share_links
    SET access_count = access_count + 1,
        last_accessed_at = now()
    WHERE session_share_links.id = link.id;
    RETURN QUERY
    SELECT
        link.id, link.session_id, link.organization_id, link.created_by, link.shared_tabs, link.message, false;
END
$$;

-- people who wait ----------------------------------------------------------------------------------------------------

-- False: the address was there already; nothing changed.
CREATE FUNCTION join_waitlist(
    wanted_name text, wanted_email text, wanted_company text, wanted_use_case text, wanted_referral_source text
) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH joined AS (
        INSERT INTO beta_waitlist (name, email, company, use_case, referral_source)
        VALUES (wanted_name, wanted_email, wanted_company, wanted_use_case, wanted_referral_source)
        ON CONFLICT (email) DO NOTHING
        RETURNING id
    )
    SELECT EXISTS (SELECT FROM joined)
$$;

CREATE FUNCTION waitlist_status(wanted_email text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT status
    FROM beta_waitlist
    WHERE email = wanted_email
$$;

-- payment ------------------------------------------------------------------------------------------------------------

-- False: it was delivered before.
CREATE FUNCTION receive_stripe_event(
    wanted_id text, wanted_type text, wanted_payload jsonb, wanted_created_at timestamptz
) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH received AS (
        INSERT INTO stripe_events (id, type, payload, created_at)
        VALUES (wanted_id, wanted_type, wanted_payload, wanted_created_at)
        ON CONFLICT (id) DO NOTHING
        RETURNING id
    )
    SELECT EXISTS (SELECT FROM received)
$$;

-- organizations ------------------------------------------------------------------------------------------------------

-- A person's own organization on the free plan, whole or not at all. The person is locked: of two clicks at once the
-- second one is told "organization_exists".
CREATE FUNCTION create_organization(wanted_name text, wanted_slug text, wanted_timezone text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    person users;
    plan plans;
    made uuid;
BEGIN
    SELECT * INTO person FROM users WHERE id = app_user_id() AND is_active AND deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse('user_not_found', 'LC003');
    END IF;
    IF EXISTS (
        SELECT FROM organization_members
        JOIN organizations ON organizations.id = organization_members.organization_id
        WHERE organization_members.user_id = person.id
            AND organization_members.role = 'owner'
            AND organization_members.status = 'active'
            AND organizations.deleted_at IS NULL
    ) THEN
        PERFORM refuse('organization_exists');
    END IF;
    SELECT * INTO plan FROM plans WHERE name IN ('individual_free', 'free') AND is_active ORDER BY name DESC LIMIT 1;
    IF NOT FOUND THEN
        PERFORM refuse('no_free_plan');
    END IF;
    -- Without a limit of its own, so that the plan's holds, and another plan's after an upgrade.
    -- A slug that is taken is not told, it gets a suffix; the index decides between two who ask at once.
    FOR attempt IN 1..20 LOOP
        INSERT INTO organizations (name, display_name, slug, contact_email, default_timezone, max_members)
        VALUES (
            wanted_name, wanted_name,
            CASE WHEN attempt = 1 THEN wanted_slug
                ELSE left(wanted_slug, 91) || '-' || substr(md5(gen_random_uuid()::text), 1, 8) END,
            person.email, wanted_timezone, NULL
        )
        ON CONFLICT (slug) DO NOTHING
        RETURNING id INTO made;
        EXIT WHEN made IS NOT NULL;
    END LOOP;
    INSERT INTO organization_members (organization_id, user_id, role) VALUES (made, person.id, 'owner');
    INSERT INTO subscriptions (
        organization_id, plan_id, plan_type, status, current_period_start, current_period_end
    )
    VALUES (made, plan.id, 'monthly', 'active', now(), now() + interval '30 days');
    UPDATE users
    SET current_organization_id = made,
        timezone = wanted_timezone,
        has_completed_onboarding = true,
        has_completed_organization_setup = true
    WHERE id = person.id;
    RETURN made;
END
$$;

CREATE FUNCTION switch_organization(wanted_organization_id uuid) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH switched AS (
        UPDATE users
        SET current_organization_id = wanted_organization_id
        WHERE id = app_user_id()
            AND wanted_organization_id IN (SELECT my_organization_ids())
        RETURNING id
    )
    SELECT EXISTS (SELECT FROM switched)
$$;

-- Colleagues: their names and addresses, and nothing else of theirs. By their keys: while there are few people in all,
-- reading everybody would seem cheaper, and the plan stays when there are many.
CREATE FUNCTION organization_people(wanted_organization_id uuid) RETURNS TABLE (
    user_id uuid,
    email varchar,
    full_name varchar
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off
AS $$
    SELECT users.id, users.email, users.full_name
    FROM organization_members
    JOIN users ON users.id = organization_members.user_id
    WHERE organization_members.organization_id = wanted_organization_id
        AND wanted_organization_id = ANY (readable_organization_ids())
$$;

-- Whoever changes who belongs to an organization waits here before anything else: so nobody acts with a right that is
-- being taken away, no two take the last seat, and nobody waits in a circle.
CREATE FUNCTION lock_organization(wanted_organization_id uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT FROM organizations WHERE id = wanted_organization_id FOR NO KEY UPDATE
$$;

-- Who worked in an organization last (NULL: everybody who did) works in another one of theirs, or in none.
CREATE FUNCTION move_out(wanted_organization_id uuid, wanted_user_id uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    UPDATE users
    SET current_organization_id = (
        SELECT organizations.id
        FROM organization_members
        JOIN organizations ON organizations.id = organization_members.organization_id
        WHERE organization_members.user_id = users.id
            AND organization_members.status = 'active'
            AND organizations.is_active
            AND organizations.deleted_at IS NULL
        ORDER BY organization_members.joined_at, organization_members.id
        LIMIT 1
    )
    WHERE current_organization_id = wanted_organization_id
        AND (wanted_user_id IS NULL OR id = wanted_user_id)
$$;

-- May the person change this member? Owners everybody; admins everybody who is no owner; a foreign member is not there.
CREATE FUNCTION require_member_change(wanted_organization_id uuid, wanted_user_id uuid, new_role text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    old_role text;
BEGIN
    -- Nobody waits for, or holds up, an organization they are not in. Everything is looked at again under the lock.
    IF wanted_organization_id IN (SELECT my_organization_ids()) THEN
        PERFORM lock_organization(wanted_organization_id);
    END IF;
    SELECT role
    INTO old_role
    FROM organization_members
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id
        AND status <> 'removed'
        AND organization_id IN (SELECT my_organization_ids());
    IF NOT FOUND THEN
        PERFORM refuse('member_not_found', 'LC003');
    END IF;
    IF wanted_organization_id NOT IN (SELECT my_managed_organization_ids()) THEN
        PERFORM refuse('not_a_manager');
    END IF;
    IF (old_role = 'owner' OR new_role = 'owner')
        AND wanted_organization_id NOT IN (SELECT my_owned_organization_ids())
    THEN
        PERFORM refuse('not_an_owner');
    END IF;
END
$$;

CREATE FUNCTION set_member_role(wanted_organization_id uuid, wanted_user_id uuid, wanted_role text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM require_member_change(wanted_organization_id, wanted_user_id, wanted_role);
    UPDATE organization_members
    SET role = wanted_role
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id;
END
$$;

CREATE FUNCTION set_member_limits(
    wanted_organization_id uuid, wanted_user_id uuid, wanted_hours integer, wanted_sessions integer
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM require_member_change(wanted_organization_id, wanted_user_id, NULL);
    UPDATE organization_members
    SET monthly_audio_hours_limit = wanted_hours,
        max_sessions_per_month = wanted_sessions
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id;
END
$$;

CREATE FUNCTION remove_member(wanted_organization_id uuid, wanted_user_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM require_member_change(wanted_organization_id, wanted_user_id, NULL);
    UPDATE organization_members
    SET status = 'removed'
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id;
    PERFORM move_out(wanted_organization_id, wanted_user_id);
END
$$;

CREATE FUNCTION leave_organization(wanted_organization_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF wanted_organization_id IN (SELECT my_organization_ids()) THEN
        PERFORM lock_organization(wanted_organization_id);
    END IF;
    UPDATE organization_members
    SET status = 'removed'
    WHERE organization_id = wanted_organization_id
        AND user_id = app_user_id()
        AND organization_id IN (SELECT my_organization_ids());
    IF NOT FOUND THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    PERFORM move_out(wanted_organization_id, app_user_id());
END
$$;

-- invitations --------------------------------------------------------------------------------------------------------

CREATE INDEX organization_invitations_organization_id_idx
    ON organization_invitations (organization_id, created_at DESC, id DESC);

-- For whoever holds the link. Unknown ones and those that are not pending any more look the same.
CREATE FUNCTION find_invitation(wanted_token text) RETURNS TABLE (
    id uuid,
    email varchar,
    role varchar,
    organization_id uuid,
    organization_name varchar,
    personal_message text,
    expires_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT
        organization_invitations.id,
        organization_invitations.email,
        organization_invitations.role,
        organizations.id,
        organizations.name,
        organization_invitations.personal_message,
        organization_invitations.expires_at
    FROM organization_invitations
    JOIN organizations ON organizations.id = organization_invitations.organization_id
    WHERE organization_invitations.invitation_token = wanted_token
        AND organization_invitations.status = 'pending'
        AND organization_invitations.expires_at > now()
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
$$;

-- Those that wait for the one who acts, at an address that was proven.
CREATE FUNCTION my_invitations() RETURNS TABLE (
    id uuid,
    email varchar,
    role varchar,
    organization_id uuid,
    organization_name varchar,
    personal_message text,
    expires_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT
        organization_invitations.id,
        organization_invitations.email,
        organization_invitations.role,
        organizations.id,
        organizations.name,
        organization_invitations.personal_message,
        organization_invitations.expires_at
    FROM organization_invitations
    JOIN organizations ON organizations.id = organization_invitations.organization_id
    WHERE organization_invitations.email = my_verified_email()
        AND organization_invitations.status = 'pending'
        AND organization_invitations.expires_at > now()
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
    ORDER BY organization_invitations.created_at DESC, organization_invitations.id DESC
$$;

-- The pending invitation of this link, which nobody changes until the end of the transaction; or why there is none.
CREATE FUNCTION hold_invitation(wanted_token text) RETURNS organization_invitations
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    held organization_invitations;
BEGIN
    PERFORM lock_organization(organization_id) FROM organization_invitations WHERE invitation_token = wanted_token;
    SELECT organization_invitations.*
    INTO held
    FROM organization_invitations
    JOIN organizations ON organizations.id = organization_invitations.organization_id
    WHERE invitation_token = wanted_token
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
    FOR NO KEY UPDATE OF organization_invitations;
    IF NOT FOUND THEN
        PERFORM refuse('invitation_not_found', 'LC003');
    END IF;
    RETURN held;
END
$$;

-- Seats that are free for one more; NULL: as many as they like. A plan that ended leaves those of the free one.
CREATE FUNCTION free_seats(wanted_organization_id uuid) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT least(organizations.max_members, plans.max_organization_members) - (
        SELECT count(*)
        FROM organization_members
        WHERE organization_id = wanted_organization_id
            AND status = 'active'
    )
    FROM organizations
    LEFT JOIN plans ON plans.id = coalesce(
        (
            SELECT plan_id
            FROM subscriptions
            WHERE subscriptions.organization_id = wanted_organization_id
                AND status IN ('active', 'trialing', 'past_due')
        ),
        (SELECT id FROM plans WHERE name = 'individual_free')
    )
    WHERE organizations.id = wanted_organization_id
$$;

-- By the person it was sent to, whose address is proven, once, while there is room. Accepting again as the same
-- person changes nothing, and whoever is a member already stays what they are.
CREATE FUNCTION accept_invitation(wanted_token text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    invitation organization_invitations := hold_invitation(wanted_token);
    is_member boolean := EXISTS (
        SELECT FROM organization_members
        WHERE organization_id = invitation.organization_id
            AND user_id = app_user_id()
            AND status = 'active'
    );
BEGIN
    -- Whoever closes their account meanwhile is waited for, and then nobody.
    PERFORM FROM users WHERE id = app_user_id() FOR NO KEY UPDATE;
    IF invitation.email IS DISTINCT FROM my_verified_email() THEN
        PERFORM refuse('invitation_not_yours');
    END IF;
    IF invitation.status = 'accepted' AND invitation.accepted_by_user_id = app_user_id() AND is_member THEN
        RETURN invitation.organization_id;
    END IF;
    IF invitation.status <> 'pending' THEN
        PERFORM refuse('invitation_state');
    END IF;
    IF invitation.expires_at <= now() THEN
        PERFORM refuse('invitation_expired');
    END IF;
    IF NOT is_member AND free_seats(invitation.organization_id) < 1 THEN
        PERFORM refuse('member_limit');
    END IF;
    IF NOT is_member THEN
        INSERT INTO organization_members (organization_id, user_id, role)
        VALUES (invitation.organization_id, app_user_id(), invitation.role)
        ON CONFLICT (organization_id, user_id) DO UPDATE
        SET role = excluded.role,
            joined_at = excluded.joined_at,
            status = 'active';
    END IF;
    UPDATE organization_invitations
    SET status = 'accepted',
        accepted_by_user_id = app_user_id(),
        accepted_at = now()
    WHERE id = invitation.id;
    UPDATE users
    SET current_organization_id = invitation.organization_id,
        has_completed_onboarding = true,
        has_completed_organization_setup = true
    WHERE id = app_user_id();
    RETURN invitation.organization_id;
END
$$;

-- Whoever holds the link may decline, without an account.
CREATE FUNCTION decline_invitation(wanted_token text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    invitation organization_invitations := hold_invitation(wanted_token);
BEGIN
    IF invitation.status <> 'pending' THEN
        PERFORM refuse('invitation_state');
    END IF;
    UPDATE organization_invitations
    SET status = 'declined',
        declined_at = now()
    WHERE id = invitation.id;
END
$$;

REVOKE ALL ON FUNCTION authenticate_api_key(bytea), open_share_link(bytea),
    join_waitlist(text, text, text, text, text), waitlist_status(text),
    receive_stripe_event(text, text, jsonb, timestamptz), create_organization(text, text, text),
    switch_organization(uuid), organization_people(uuid), lock_organization(uuid), move_out(uuid, uuid),
    require_member_change(uuid, uuid, text), set_member_role(uuid, uuid, text),
    set_member_limits(uuid, uuid, integer, integer), remove_member(uuid, uuid), leave_organization(uuid),
    find_invitation(text), my_invitations(), hold_invitation(text), free_seats(uuid), accept_invitation(text),
    decline_invitation(text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authenticate_api_key(bytea), open_share_link(bytea),
    join_waitlist(text, text, text, text, text), waitlist_status(text),
    receive_stripe_event(text, text, jsonb, timestamptz), create_organization(text, text, text),
    switch_organization(uuid), organization_people(uuid), set_member_role(uuid, uuid, text),
    set_member_limits(uuid, uuid, integer, integer), remove_member(uuid, uuid), leave_organization(uuid),
    find_invitation(text), my_invitations(), accept_invitation(text), decline_invitation(text)
    TO liveconvo_api;
GRANT EXECUTE ON FUNCTION write_audit(uuid, text, text, uuid, jsonb) TO liveconvo_api, liveconvo_jobs;
GRANT EXECUTE ON FUNCTION is_platform_admin(), open_admin_door(uuid, text, integer), close_admin_door(uuid),
    my_owned_organization_ids(), look_up_readable(), act_as(uuid), readable_organization_ids(), my_verified_email()
    TO liveconvo_api;

-- An admin must not make an owner by inviting one.
CREATE FUNCTION check_invitation_role() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM organization_members
        WHERE organization_id = NEW.organization_id
            AND user_id = NEW.invited_by_user_id
            AND status = 'active'
            AND role = 'owner'
    ) THEN
        PERFORM refuse('not_an_owner');
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION check_invitation_role() FROM PUBLIC;
CREATE TRIGGER check_invitation_role BEFORE INSERT OR UPDATE OF role, invited_by_user_id ON organization_invitations
    FOR EACH ROW WHEN (NEW.role = 'owner') EXECUTE FUNCTION check_invitation_role();

-- By an owner: nobody acts in it any more; a job erases it.
CREATE FUNCTION delete_organization(wanted_organization_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF wanted_organization_id IN (SELECT my_organization_ids()) THEN
        PERFORM lock_organization(wanted_organization_id);
    END IF;
    IF wanted_organization_id NOT IN (SELECT my_organization_ids()) THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    IF wanted_organization_id NOT IN (SELECT my_owned_organization_ids()) THEN
        PERFORM refuse('not_an_owner');
    END IF;
    UPDATE organizations
    SET deleted_at = now()
    WHERE id = wanted_organization_id;
    PERFORM move_out(wanted_organization_id, NULL);
    PERFORM append_audit(wanted_organization_id, 'organizations.deleted', 'organizations', wanted_organization_id);
END
$$;
REVOKE ALL ON FUNCTION delete_organization(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delete_organization(uuid) TO liveconvo_api;

-- What everybody may use is found beside what is one's own.
CREATE INDEX templates_everybody_idx ON templates (id) WHERE is_system_template OR is_public;

-- How often a playbook is chosen.
CREATE FUNCTION count_template_use() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE templates
    SET usage_count = usage_count + 1,
        last_used_at = now()
    WHERE id = NEW.selected_template_id;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION count_template_use() FROM PUBLIC;
CREATE TRIGGER count_template_use AFTER INSERT ON sessions
    FOR EACH ROW WHEN (NEW.selected_template_id IS NOT NULL) EXECUTE FUNCTION count_template_use();

-- tickets ------------------------------------------------------------------------------------------------------------

-- As before, and void once their session is deleted.
CREATE OR REPLACE FUNCTION find_ticket(wanted_hash bytea) RETURNS TABLE (
    session_id uuid,
    organization_id uuid,
    participant_id uuid,
    name varchar,
    role varchar,
    source varchar,
    shared_mic boolean,
    coached boolean,
    consented boolean,
    user_id uuid,
    expires_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT
        join_tickets.session_id,
        join_tickets.organization_id,
        join_tickets.participant_id,
        session_participants.name,
        session_participants.role,
        session_participants.source,
        session_participants.shared_mic,
        session_participants.coached,
        session_participants.consented_at IS NOT NULL,
        session_participants.user_id,
        join_tickets.expires_at
    FROM join_tickets
    JOIN session_participants ON session_participants.id = join_tickets.participant_id
    JOIN sessions ON sessions.id = join_tickets.session_id
    WHERE join_tickets.token_hash = wanted_hash
        AND join_tickets.used_at IS NULL
        AND join_tickets.expires_at > now()
        AND sessions.deleted_at IS NULL
$$;

CREATE OR REPLACE FUNCTION redeem_ticket(wanted_hash bytea) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH redeemed AS (
        UPDATE join_tickets
        SET used_at = now()
        FROM sessions
        WHERE join_tickets.token_hash = wanted_hash
            AND join_tickets.used_at IS NULL
            AND join_tickets.expires_at > now()
            AND sessions.id = join_tickets.session_id
            AND sessions.deleted_at IS NULL
        RETURNING join_tickets.token_hash
    )
    SELECT EXISTS (SELECT FROM redeemed)
$$;

CREATE OR REPLACE FUNCTION participant_of_ticket(
    wanted_hash bytea, wanted_session uuid, wanted_user uuid, wanted_role varchar, wanted_consent boolean
) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT session_participants.id
    FROM join_tickets
    JOIN session_participants ON session_participants.id = join_tickets.participant_id
    JOIN sessions ON sessions.id = join_tickets.session_id
    WHERE join_tickets.token_hash = wanted_hash
        AND join_tickets.session_id = wanted_session
        AND session_participants.user_id IS NOT DISTINCT FROM wanted_user
        AND session_participants.role = wanted_role
        AND (session_participants.consented_at IS NOT NULL) = wanted_consent
        AND sessions.deleted_at IS NULL
$$;

-- what is erased -----------------------------------------------------------------------------------------------------

ALTER TABLE users ADD CONSTRAINT users_erased_check CHECK (erased_at IS NULL OR deleted_at IS NOT NULL);
ALTER TABLE organizations ADD CONSTRAINT organizations_erased_check CHECK (erased_at IS NULL OR deleted_at IS NOT NULL);
ALTER TABLE sessions ADD CONSTRAINT sessions_erased_check CHECK (erased_at IS NULL OR deleted_at IS NOT NULL);

-- When a session's content is due. Without a zone, or the sum would not be immutable.
CREATE INDEX sessions_retention_idx ON sessions (
    ((coalesce(recording_ended_at, created_at) AT TIME ZONE 'UTC') + make_interval(days => data_retention_days))
) WHERE erased_at IS NULL;
CREATE INDEX sessions_deleted_at_idx ON sessions (deleted_at) WHERE deleted_at IS NOT NULL AND erased_at IS NULL;
-- All of a session's summaries: its one live row has an index of its own.
CREATE INDEX summaries_session_id_idx ON summaries (session_id);

-- What was erased does not come back, whoever is late with it. The foreign key waits for an erasure that is under way;
-- at the end of the statement its outcome is seen here.
CREATE FUNCTION refuse_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added
        JOIN sessions ON sessions.id = added.session_id
        WHERE sessions.erased_at IS NOT NULL
    ) THEN
        PERFORM refuse('session_erased');
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION refuse_erased() FROM PUBLIC;
DO $$
DECLARE
    content text;
BEGIN
    FOREACH content IN ARRAY ARRAY[
        'call_commands', 'consents', 'documents', 'guidance', 'join_tickets', 'prep_checklist', 'recordings',
        'session_context', 'session_events', 'session_invites', 'session_participants', 'session_share_links',
        'session_timeline_events', 'summaries', 'transcripts'
    ] LOOP
        EXECUTE format(
            'CREATE TRIGGER refuse_erased AFTER INSERT ON %I REFERENCING NEW TABLE AS added'
            ' FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased()',
            content
        );
    END LOOP;
END
$$;

-- Nobody acts as this person any more, at once; a job erases what is theirs. An organization of which they were the
-- only member goes with them. Organizations are locked: of two owners who leave at the same moment the second one sees
-- what the first one did.
CREATE FUNCTION close_account(wanted_user_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    alone uuid;
BEGIN
    PERFORM FROM organizations
    WHERE deleted_at IS NULL
        AND id IN (
            SELECT organization_id
            FROM organization_members
            WHERE user_id = wanted_user_id
                AND status = 'active'
        )
    ORDER BY id
    FOR NO KEY UPDATE;
    PERFORM FROM users WHERE id = wanted_user_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse('user_not_found', 'LC003');
    END IF;
    IF EXISTS (
        SELECT FROM organization_members AS mine
        JOIN organizations ON organizations.id = mine.organization_id
        JOIN organization_members AS others
            ON others.organization_id = mine.organization_id
            AND others.user_id <> mine.user_id
            AND others.status = 'active'
        WHERE mine.user_id = wanted_user_id
            AND mine.status = 'active'
            AND mine.role = 'owner'
            AND organizations.deleted_at IS NULL
        GROUP BY mine.organization_id
        HAVING NOT bool_or(others.role = 'owner')
    ) THEN
        PERFORM refuse('sole_owner');
    END IF;
    FOR alone IN
        UPDATE organizations
        SET deleted_at = now()
        WHERE deleted_at IS NULL
            AND EXISTS (
                SELECT FROM organization_members
                WHERE organization_id = organizations.id
                    AND user_id = wanted_user_id
                    AND status = 'active'
            )
            AND NOT EXISTS (
                SELECT FROM organization_members
                WHERE organization_id = organizations.id
                    AND user_id <> wanted_user_id
                    AND status = 'active'
            )
        RETURNING id
    LOOP
        PERFORM append_audit(alone, 'organizations.deleted', 'organizations', alone);
    END LOOP;
    UPDATE organization_members
    SET status = 'removed'
    WHERE user_id = wanted_user_id
        AND status <> 'removed';
    UPDATE users
    SET deleted_at = now(),
        is_active = false
    WHERE id = wanted_user_id
        AND deleted_at IS NULL;
    IF FOUND THEN
        PERFORM append_audit(NULL, 'users.deleted', 'users', wanted_user_id);
    END IF;
END
$$;

-- By oneself.
CREATE FUNCTION delete_account() RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM close_account(app_user_id());
    RETURN app_user_id();
END
$$;
REVOKE ALL ON FUNCTION close_account(uuid), delete_account() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION close_account(uuid) TO liveconvo_jobs;
GRANT EXECUTE ON FUNCTION delete_account() TO liveconvo_api;

-- The first row of a chain that is not as it was written, or does not follow the one before it; NULL: there is none.
-- For who manages the organization; NULL is the installation's chain, for its administrators; jobs ask for any.
CREATE FUNCTION first_broken_audit(wanted_organization_id uuid) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF session_user = 'liveconvo_api'
        AND NOT is_platform_admin()
        AND NOT coalesce(wanted_organization_id IN (SELECT my_managed_organization_ids()), false)
    THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    RETURN (
        SELECT min(chained.id)
        FROM (
            SELECT
                audit_log.id,
                audit_log.hash IS DISTINCT FROM audit_hash(audit_log)
                OR audit_log.previous_hash IS DISTINCT FROM lag(audit_log.hash) OVER (ORDER BY audit_log.id) AS is_broken
            FROM audit_log
            WHERE audit_log.organization_id = wanted_organization_id
                OR audit_log.organization_id IS NULL AND wanted_organization_id IS NULL
        ) AS chained
        WHERE is_broken
    );
END
$$;
REVOKE ALL ON FUNCTION first_broken_audit(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION first_broken_audit(uuid) TO liveconvo_api, liveconvo_jobs;
