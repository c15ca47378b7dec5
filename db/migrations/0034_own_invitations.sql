-- An invitation that waits for one's own proven address is answered without the link of the mail, too.
CREATE FUNCTION answer_own_invitation(wanted_id uuid, is_accepted boolean) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    own organization_invitations;
BEGIN
    SELECT *
    INTO own
    FROM organization_invitations
    WHERE id = wanted_id
        AND email = my_verified_email();
    IF NOT FOUND THEN
        PERFORM refuse('invitation_not_found', 'LC003');
    END IF;
    IF is_accepted THEN
        RETURN accept_invitation(own.invitation_token);
    END IF;
    PERFORM decline_invitation(own.invitation_token);
    RETURN own.organization_id;
END
$$;
REVOKE ALL ON FUNCTION answer_own_invitation FROM PUBLIC;
GRANT EXECUTE ON FUNCTION answer_own_invitation TO liveconvo_api;
