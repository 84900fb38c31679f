#include "agent/settings.h"

namespace angarium::agent {

namespace smtp = protocol::smtp;

smtp::Policy smtp_policy(const configuration::Configuration& c, smtp::Role role, smtp::TlsUse tls) {
  smtp::Policy policy;
  policy.role = role;
  policy.hostname = c.server.hostname;
  policy.tls = tls;
  policy.auth = role == smtp::Role::submission ? smtp::AuthUse::required : smtp::AuthUse::none;
  policy.plaintext = static_cast<smtp::PlaintextAuth>(c.auth.plaintext_without_tls);
  policy.mechanisms = c.auth.mechanisms;
  policy.line_ends =
      c.smtp.bare_line_ends == configuration::BareLineEnds::refuse ? smtp::LineEnds::refuse : smtp::LineEnds::normalise;
  policy.expn = role == smtp::Role::submission ? smtp::Announce::yes : smtp::Announce::no;
  policy.limits.message_octets = static_cast<std::uint64_t>(c.smtp.message_size_max);
  policy.limits.recipients = static_cast<std::uint32_t>(c.smtp.recipients_max);
  policy.limits.errors = static_cast<std::uint32_t>(c.smtp.errors_max);
  policy.times.command = c.smtp.command_timeout;
  policy.times.data_block = c.smtp.data_timeout;
  policy.times.data_grace = c.smtp.data_grace;
  policy.times.auth_failure = c.auth.failure_delay;
  if (role == smtp::Role::mx && c.smtp.early_talk == configuration::EarlyTalk::refuse) {
    policy.early_talk = smtp::EarlyTalk::refuse;
    policy.greeting_delay = c.smtp.greeting_delay;
  }
  return policy;
}

protocol::pop3::ServerOptions pop3_options(const configuration::Configuration& c) {
  protocol::pop3::ServerOptions options;
  options.hostname = c.server.hostname;
  options.mechanisms.assign(c.auth.mechanisms.begin(), c.auth.mechanisms.end());
  options.idle_timeout = c.pop3.idle_timeout;
  options.login_timeout = c.limits.login_timeout;
  options.send_timeout = c.limits.send_timeout;
  options.failure_delay = c.auth.failure_delay;
  return options;
}

protocol::imap::ServerOptions imap_options(const configuration::Configuration& c) {
  protocol::imap::ServerOptions options;
  options.append_limit = static_cast<std::uint64_t>(c.imap.append_size_max);
  options.idle_timeout = c.imap.idle_timeout;
  options.login_timeout = c.limits.login_timeout;
  options.send_timeout = c.limits.send_timeout;
  return options;
}

account::AttemptLimits attempt_limits(const configuration::Configuration& c) {
  account::AttemptLimits limits;
  limits.failures_max = static_cast<std::uint32_t>(c.auth.failures_max);
  limits.window = c.auth.failures_window;
  return limits;
}

}  // namespace angarium::agent
