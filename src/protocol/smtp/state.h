// The machine of an SMTP or LMTP session as one table: which command is legal when, what it needs, where it leads.
// RFC 5321 §4.1.4 (order of commands), RFC 2033 §4, RFC 2920 §3, RFC 3207 §4, RFC 4954 §4, RFC 3030 §2.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/smtp/policy.h"
#include "protocol/smtp/reply.h"

namespace angarium::protocol::smtp {

/// How far the session has come.
enum class Phase : std::uint8_t {
  connected,   ///< greeting sent, and again after STARTTLS
  greeted,     ///< EHLO, HELO or LHLO accepted; no transaction
  sender,      ///< MAIL accepted
  recipients,  ///< at least one RCPT accepted
  chunks,      ///< the first BDAT was received, the last one was not
};
inline constexpr std::size_t kPhases = 5;

/// Every verb that is recognised. `unknown` stands for all others.
enum class Verb : std::uint8_t {
  helo,
  ehlo,
  lhlo,
  mail,
  rcpt,
  data,
  bdat,
  burl,
  rset,
  vrfy,
  expn,
  help,
  noop,
  quit,
  auth,
  starttls,
  turn,
  etrn,
  atrn,
  send,
  soml,
  saml,
  unknown,
};
inline constexpr std::size_t kVerbs = static_cast<std::size_t>(Verb::unknown);

/// What the table says of a verb in a phase: do it, or why not.
enum class Step : std::uint8_t {
  go,
  greet,       ///< 503: EHLO first
  mail,        ///< 503: MAIL first
  nested,      ///< 503: amid a transaction
  recipients,  ///< 503: no valid recipients
  begun,       ///< 503: DATA after BDAT, or anything else amid chunks
  absent,      ///< 502: known, and not offered
};

enum class Arguments : std::uint8_t { none, optional, required };
/// Which protocol has the verb; in the other it is unknown (500, RFC 2033 §4.1).
enum class Spoken : std::uint8_t { both, smtp, lmtp };
/// Whether the verb may be used before TLS where policy requires it (RFC 3207 §4), and before authentication where
/// that is required (RFC 4954 §6).
enum class Needs : std::uint8_t { nothing, tls, tls_and_auth };
/// Whether its reply may wait for those of the commands behind it (RFC 2920 §3.2).
enum class Sent : std::uint8_t { with_group, at_once };
/// What may follow it unanswered (RFC 2920 §3.1).
enum class Group : std::uint8_t {
  anywhere,  ///< other commands; also behind EHLO, where they should not but are still commands
  last,      ///< nothing: octets that came with it are not meant as commands, and the session ends
  chunk,     ///< so many octets as it says, also when it is refused (RFC 3030 §2), then commands
  own,       ///< as the command itself says
};

struct Rule {
  Verb verb;
  std::string_view name;  ///< upper case
  std::array<Step, kPhases> step;
  Arguments arguments;
  Spoken spoken;
  Needs needs;
  Sent sent;
  Group group;
};

namespace detail {
using enum Step;
using enum Arguments;
using enum Needs;
using enum Sent;
using enum Group;
inline constexpr auto kBoth = Spoken::both;
inline constexpr auto kSmtp = Spoken::smtp;
inline constexpr auto kLmtp = Spoken::lmtp;
}  // namespace detail

// clang-format off
inline constexpr std::array<Rule, kVerbs> kRules = [] {
  using namespace detail;
  using V = Verb;
  constexpr auto noargs = Arguments::none;
  return std::array<Rule, kVerbs>{{
  //  verb         name        connected greeted sender      recipients  chunks   arguments spoken  needs         reply       group
    { V::helo,     "HELO",     { go,     go,     go,         go,         go     }, required, kSmtp, nothing,      at_once,    anywhere },
    { V::ehlo,     "EHLO",     { go,     go,     go,         go,         go     }, required, kSmtp, nothing,      at_once,    anywhere },
    { V::lhlo,     "LHLO",     { go,     go,     go,         go,         go     }, required, kLmtp, nothing,      at_once,    anywhere },
    { V::mail,     "MAIL",     { greet,  go,     nested,     nested,     nested }, required, kBoth, tls_and_auth, with_group, anywhere },
    { V::rcpt,     "RCPT",     { greet,  mail,   go,         go,         begun  }, required, kBoth, tls_and_auth, with_group, anywhere },
    { V::data,     "DATA",     { greet,  mail,   Step::recipients, go,   begun  }, noargs,   kBoth, tls_and_auth, at_once,    last     },
    { V::bdat,     "BDAT",     { greet,  mail,   Step::recipients, go,   go     }, required, kBoth, tls_and_auth, with_group, chunk    },
    { V::burl,     "BURL",     { greet,  mail,   Step::recipients, go,   go     }, required, kSmtp, tls_and_auth, with_group, anywhere },
    { V::rset,     "RSET",     { go,     go,     go,         go,         go     }, noargs,   kBoth, tls,          with_group, anywhere },
    { V::vrfy,     "VRFY",     { go,     go,     go,         go,         go     }, required, kBoth, tls_and_auth, at_once,    anywhere },
    { V::expn,     "EXPN",     { go,     go,     go,         go,         go     }, required, kBoth, tls_and_auth, at_once,    anywhere },
    { V::help,     "HELP",     { go,     go,     go,         go,         go     }, optional, kBoth, tls_and_auth, at_once,    anywhere },
    { V::noop,     "NOOP",     { go,     go,     go,         go,         go     }, optional, kBoth, nothing,      at_once,    anywhere },
    { V::quit,     "QUIT",     { go,     go,     go,         go,         go     }, noargs,   kBoth, nothing,      at_once,    anywhere },
    { V::auth,     "AUTH",     { greet,  go,     nested,     nested,     nested }, required, kBoth, nothing,      at_once,    own      },
    { V::starttls, "STARTTLS", { go,     go,     go,         go,         go     }, noargs,   kBoth, nothing,      at_once,    own      },
    { V::turn,     "TURN",     { absent, absent, absent,     absent,     absent }, optional, kBoth, nothing,      at_once,    anywhere },
    { V::etrn,     "ETRN",     { greet,  go,     nested,     nested,     nested }, required, kSmtp, tls_and_auth, at_once,    anywhere },
    { V::atrn,     "ATRN",     { greet,  go,     nested,     nested,     nested }, optional, kSmtp, tls_and_auth, at_once,    last     },
    { V::send,     "SEND",     { absent, absent, absent,     absent,     absent }, optional, kBoth, nothing,      at_once,    anywhere },
    { V::soml,     "SOML",     { absent, absent, absent,     absent,     absent }, optional, kBoth, nothing,      at_once,    anywhere },
    { V::saml,     "SAML",     { absent, absent, absent,     absent,     absent }, optional, kBoth, nothing,      at_once,    anywhere },
  }};
}();
// clang-format on

constexpr const Rule& rule_of(Verb verb) { return kRules[static_cast<std::size_t>(verb)]; }
constexpr Step step_of(Verb verb, Phase phase) { return rule_of(verb).step[static_cast<std::size_t>(phase)]; }

static_assert(
    [] {
      for (std::size_t i = 0; i < kVerbs; ++i) {
        const Rule& rule = kRules[i];
        if (rule.verb != static_cast<Verb>(i) || rule.name.size() < 4 || rule.name.size() > 8) return false;
        for (const char c : rule.name)
          if (c < 'A' || c > 'Z') return false;
        for (std::size_t j = 0; j < i; ++j)
          if (kRules[j].name == rule.name) return false;
        // Absent everywhere or nowhere; whoever may not greet yet is told so.
        for (const Step step : rule.step)
          if ((step == Step::absent) != (rule.step[0] == Step::absent)) return false;
      }
      return true;
    }(),
    "every verb has its own row, in order");

/// RFC 2645 §5.4: what a server for customers alone does, and it alone; the rest is 502.
constexpr bool offered(const Policy& policy, Verb verb) {
  // RFC 4468 §3.1: for submission alone.
  if (verb == Verb::burl) return policy.burls();
  if (policy.role != Role::odmr) return verb != Verb::atrn;
  switch (verb) {
    case Verb::ehlo:
    case Verb::helo:
    case Verb::auth:
    case Verb::atrn:
    case Verb::starttls:
    case Verb::help:
    case Verb::noop:
    case Verb::rset:
    case Verb::quit: return true;
    default: return false;
  }
}

/// The verb of a command line's first word, without regard to case.
Verb verb_of(std::string_view word);

/// Words with which an HTTP request, or another protocol's greeting, begins: a browser or a proxy is being misused to
/// speak to us (cross-protocol requests), and what follows is not meant as mail.
bool is_foreign(std::string_view word);

}  // namespace angarium::protocol::smtp
