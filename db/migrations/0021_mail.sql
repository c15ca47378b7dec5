-- Whether a mail has left is asked of its note in the log, by its id.
CREATE INDEX system_logs_mail_idx ON system_logs (request_id) WHERE logger_name = 'control_api.mail.queue';
