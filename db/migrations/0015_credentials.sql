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
    JOIN organization_members
        ON organization_members.organization_id = session_share_links.organization_id
        AND organization_members.user_id = session_share_links.created_by
        AND organization_members.status = 'active'
    WHERE session_share_links.token_hash = wanted_hash
        AND session_share_links.revoked_at IS NULL
        AND sessions.deleted_at IS NULL
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

-- Colleagues: their names and addresses, and nothing else of theirs.
CREATE FUNCTION organization_people(wanted_organization_id uuid) RETURNS TABLE (
    user_id uuid,
    email varchar,
    full_name varchar
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT users.id, users.email, users.full_name
    FROM organization_members
    JOIN users ON users.id = organization_members.user_id
    WHERE organization_members.organization_id = wanted_organization_id
        AND wanted_organization_id IN (SELECT readable_organization_ids())
$$;

-- May the person change this member? Owners everybody; admins everybody who is no owner; a foreign member is not there.
CREATE FUNCTION require_member_change(wanted_organization_id uuid, wanted_user_id uuid, new_role text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    old_role text;
BEGIN
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

-- Removed by somebody who may, or by oneself. What the person worked in last is another membership, or none.
CREATE FUNCTION remove_member(wanted_organization_id uuid, wanted_user_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF wanted_user_id <> app_user_id() OR wanted_organization_id NOT IN (SELECT my_organization_ids()) THEN
        PERFORM require_member_change(wanted_organization_id, wanted_user_id, NULL);
    END IF;
    UPDATE organization_members
    SET status = 'removed'
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id;
    UPDATE users
    SET current_organization_id = (
        SELECT organization_id
        FROM organization_members
        WHERE user_id = wanted_user_id
            AND status = 'active'
        ORDER BY joined_at
        LIMIT 1
    )
    WHERE id = wanted_user_id
        AND current_organization_id = wanted_organization_id;
END
$$;

-- invitations --------------------------------------------------------------------------------------------------------

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

-- By the person it was sent to, whose address is proven, once, while there is room. Accepting again as the same
-- person changes nothing. The organization is locked: two who accept at once cannot take the last seat both.
CREATE FUNCTION accept_invitation(wanted_token text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    invitation organization_invitations;
    seats integer;
    taken integer;
BEGIN
    SELECT organization_invitations.*
    INTO invitation
    FROM organization_invitations
    JOIN organizations ON organizations.id = organization_invitations.organization_id
    WHERE invitation_token = wanted_token
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse('invitation_not_found', 'LC003');
    END IF;
    IF invitation.email IS DISTINCT FROM my_verified_email() THEN
        PERFORM refuse('invitation_not_yours');
    END IF;
    IF invitation.status = 'accepted' AND invitation.accepted_by_user_id = app_user_id() THEN
        RETURN invitation.organization_id;
    END IF;
    IF invitation.status <> 'pending' THEN
        PERFORM refuse('invitation_state');
    END IF;
    IF invitation.expires_at <= now() THEN
        PERFORM refuse('invitation_expired');
    END IF;
    SELECT least(organizations.max_members, plans.max_organization_members)
    INTO seats
    FROM organizations
    LEFT JOIN subscriptions
        ON subscriptions.organization_id = organizations.id
        AND subscriptions.status IN ('active', 'trialing', 'past_due')
    LEFT JOIN plans ON plans.id = subscriptions.plan_id
    WHERE organizations.id = invitation.organization_id;
    SELECT count(*)
    INTO taken
    FROM organization_members
    WHERE organization_id = invitation.organization_id
        AND user_id <> app_user_id()
        AND status = 'active';
    IF taken >= seats THEN
        PERFORM refuse('member_limit');
    END IF;
    INSERT INTO organization_members (organization_id, user_id, role, status, joined_at)
    VALUES (invitation.organization_id, app_user_id(), invitation.role, 'active', now())
    ON CONFLICT (organization_id, user_id) DO UPDATE
    SET role = CASE WHEN organization_members.status = 'active' THEN organization_members.role ELSE excluded.role END,
        joined_at = CASE
            WHEN organization_members.status = 'active' THEN organization_members.joined_at ELSE excluded.joined_at END,
        status = 'active';
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
CREATE FUNCTION decline_invitation(wanted_token text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH declined AS (
        UPDATE organization_invitations
        SET status = 'declined',
            declined_at = now()
        WHERE invitation_token = wanted_token
            AND status = 'pending'
        RETURNING id
    )
    SELECT EXISTS (SELECT FROM declined)
$$;

REVOKE ALL ON FUNCTION authenticate_api_key(bytea), open_share_link(bytea),
    join_waitlist(text, text, text, text, text), waitlist_status(text),
    receive_stripe_event(text, text, jsonb, timestamptz), create_organization(text, text, text),
    switch_organization(uuid), organization_people(uuid), require_member_change(uuid, uuid, text),
    set_member_role(uuid, uuid, text), set_member_limits(uuid, uuid, integer, integer), remove_member(uuid, uuid),
    find_invitation(text), accept_invitation(text), decline_invitation(text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authenticate_api_key(bytea), open_share_link(bytea),
    join_waitlist(text, text, text, text, text), waitlist_status(text),
    receive_stripe_event(text, text, jsonb, timestamptz), create_organization(text, text, text),
    switch_organization(uuid), organization_people(uuid), set_member_role(uuid, uuid, text),
    set_member_limits(uuid, uuid, integer, integer), remove_member(uuid, uuid), find_invitation(text),
    accept_invitation(text), decline_invitation(text)
    TO liveconvo_api;
GRANT EXECUTE ON FUNCTION write_audit(uuid, text, text, uuid, jsonb) TO liveconvo_api, liveconvo_jobs;
GRANT EXECUTE ON FUNCTION is_platform_admin(), open_admin_door(uuid, text, integer), close_admin_door(uuid),
    my_owned_organization_ids(), readable_organization_ids(), my_verified_email() TO liveconvo_api;

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
    IF wanted_organization_id NOT IN (SELECT my_organization_ids()) THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    IF wanted_organization_id NOT IN (SELECT my_owned_organization_ids()) THEN
        PERFORM refuse('not_an_owner');
    END IF;
    UPDATE organizations
    SET deleted_at = now()
    WHERE id = wanted_organization_id;
    PERFORM write_audit(wanted_organization_id, 'organizations.deleted', 'organizations', wanted_organization_id);
END
$$;
REVOKE ALL ON FUNCTION delete_organization(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delete_organization(uuid) TO liveconvo_api;

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
