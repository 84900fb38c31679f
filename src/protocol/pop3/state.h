// The commands as one table: where each is legal, what it takes, who answers (RFC 1939 §4-7, RFC 2449 §5, RFC 2595 §4,
// RFC 5034 §4, RFC 6856 §2-3).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "io/task.h"
#include "protocol/pop3/reader.h"
#include "protocol/pop3/types.h"

namespace angarium::protocol::pop3 {

class Session;

/// What a command does once the table let it in. It writes its answer to the session; an error ends the connection. The
/// parameters are views into the input, valid until the handler reads another line.
using Answer = io::ValueOrTask<Result<>>;
using Handler = Answer (*)(Session& session, Parameters parameters);

// One file a command under command/.
Answer apop(Session& session, Parameters parameters);
Answer auth(Session& session, Parameters parameters);
Answer capa(Session& session, Parameters parameters);
Answer dele(Session& session, Parameters parameters);
Answer lang(Session& session, Parameters parameters);
Answer last(Session& session, Parameters parameters);
Answer list(Session& session, Parameters parameters);
Answer noop(Session& session, Parameters parameters);
Answer pass(Session& session, Parameters parameters);
Answer quit(Session& session, Parameters parameters);
Answer retr(Session& session, Parameters parameters);
Answer rset(Session& session, Parameters parameters);
Answer stat(Session& session, Parameters parameters);
Answer stls(Session& session, Parameters parameters);
Answer top(Session& session, Parameters parameters);
Answer uidl(Session& session, Parameters parameters);
Answer user(Session& session, Parameters parameters);
Answer utf8(Session& session, Parameters parameters);

enum class Legal : std::uint8_t { authorization, transaction, both };
/// no: an answer of -ERR to any parameter. Commands that take some read them themselves.
enum class Takes : std::uint8_t { nothing, parameters };
/// A command that hands over a password is refused where none may cross the connection (RFC 8314 §3.3).
enum class Plain : std::uint8_t { harmless, password };

struct Rule {
  std::string_view keyword;  ///< upper case
  Legal legal;
  Takes takes;
  Plain plain;
  Handler handler;
};

// clang-format off
inline constexpr std::array<Rule, 18> kRules = {{
    // keyword  legal                 takes              plain            handler
    {"APOP",    Legal::authorization, Takes::parameters, Plain::harmless, apop},
    {"AUTH",    Legal::authorization, Takes::parameters, Plain::harmless, auth},
    {"CAPA",    Legal::both,          Takes::nothing,    Plain::harmless, capa},
    {"DELE",    Legal::transaction,   Takes::parameters, Plain::harmless, dele},
    {"LANG",    Legal::both,          Takes::parameters, Plain::harmless, lang},
    {"LAST",    Legal::transaction,   Takes::nothing,    Plain::harmless, last},
    {"LIST",    Legal::transaction,   Takes::parameters, Plain::harmless, list},
    {"NOOP",    Legal::transaction,   Takes::nothing,    Plain::harmless, noop},
    {"PASS",    Legal::authorization, Takes::parameters, Plain::password, pass},
    {"QUIT",    Legal::both,          Takes::nothing,    Plain::harmless, quit},
    {"RETR",    Legal::transaction,   Takes::parameters, Plain::harmless, retr},
    {"RSET",    Legal::transaction,   Takes::nothing,    Plain::harmless, rset},
    {"STAT",    Legal::transaction,   Takes::nothing,    Plain::harmless, stat},
    {"STLS",    Legal::authorization, Takes::nothing,    Plain::harmless, stls},
    {"TOP",     Legal::transaction,   Takes::parameters, Plain::harmless, top},
    {"UIDL",    Legal::transaction,   Takes::parameters, Plain::harmless, uidl},
    {"USER",    Legal::authorization, Takes::parameters, Plain::password, user},
    {"UTF8",    Legal::authorization, Takes::nothing,    Plain::harmless, utf8},
}};
// clang-format on

static_assert(
    [] {
      for (std::size_t i = 1; i < kRules.size(); ++i)
        if (kRules[i - 1].keyword >= kRules[i].keyword) return false;
      return true;
    }(),
    "the table is sorted by keyword");

/// Without regard to case; null for a keyword that is not known.
const Rule* find_rule(std::string_view keyword);
constexpr bool is_legal(Legal legal, State state) {
  if (state == State::update) return false;
  return legal == Legal::both || (legal == Legal::authorization) == (state == State::authorization);
}
/// A word with which an HTTP request begins: a browser is being misused to speak to us.
bool is_foreign(std::string_view line);

}  // namespace angarium::protocol::pop3
