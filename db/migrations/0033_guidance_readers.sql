-- Guidance is read by whom it was for, also after the call: the words are those of session_events.audience.
ALTER TABLE guidance ADD COLUMN audience text NOT NULL DEFAULT 'coached';
ALTER TABLE guidance ADD CONSTRAINT guidance_audience_check CHECK (
    audience IN ('coached', 'role:host', 'role:supervisor', 'role:participant') OR audience LIKE 'participant:_%'
) NOT VALID;
ALTER TABLE guidance VALIDATE CONSTRAINT guidance_audience_check;

-- What was sent by hand before has its audience in the log.
UPDATE guidance
SET audience = session_events.audience
FROM session_events
WHERE guidance.cue = 'by_hand'
    AND session_events.session_id = guidance.session_id
    AND session_events.type = 'guidance.shown'
    AND session_events.payload ->> 'guidance_id' = guidance.id::text
    AND session_events.audience <> 'coached';
