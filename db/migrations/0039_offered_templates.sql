-- A session is given a playbook that is offered to whoever made it: a colleague's own is theirs alone, and one that was
-- switched off is offered to nobody. What a session has already, it keeps.
CREATE OR REPLACE FUNCTION check_session_template() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.selected_template_id IS NOT DISTINCT FROM OLD.selected_template_id THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (
        SELECT FROM templates
        WHERE id = NEW.selected_template_id
            AND is_active
            AND deleted_at IS NULL
            AND (
                is_system_template
                OR is_public
                OR (is_organization_template AND organization_id = NEW.organization_id)
                OR (user_id = NEW.user_id AND (organization_id IS NULL OR organization_id = NEW.organization_id))
            )
    ) THEN
        PERFORM refuse('template_not_found', 'LC003');
    END IF;
    RETURN NEW;
END
$$;
