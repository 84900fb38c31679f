// The commands, one file each. A handler is called when the table of state.h allows it: it parses its arguments,
// checks, acts and puts its reply into the conversation's output. An error means that the connection is gone.
#pragma once

#include <array>
#include <string_view>

#include "io/task.h"
#include "protocol/smtp/conversation.h"
#include "protocol/smtp/state.h"

namespace angarium::protocol::smtp::command {

/// Handlers that need not wait cost no coroutine frame.
using Done = io::ValueOrTask<Result<>>;
/// `arguments` is gone with the next read: what is needed later is copied out first.
using Handler = Done (*)(Conversation& conversation, std::string_view arguments);

Done helo(Conversation& conversation, std::string_view arguments);
Done ehlo(Conversation& conversation, std::string_view arguments);
Done lhlo(Conversation& conversation, std::string_view arguments);
Done mail(Conversation& conversation, std::string_view arguments);
Done rcpt(Conversation& conversation, std::string_view arguments);
Done data(Conversation& conversation, std::string_view arguments);
Done bdat(Conversation& conversation, std::string_view arguments);
Done burl(Conversation& conversation, std::string_view arguments);
Done rset(Conversation& conversation, std::string_view arguments);
Done vrfy(Conversation& conversation, std::string_view arguments);
Done expn(Conversation& conversation, std::string_view arguments);
Done help(Conversation& conversation, std::string_view arguments);
Done noop(Conversation& conversation, std::string_view arguments);
Done quit(Conversation& conversation, std::string_view arguments);
Done etrn(Conversation& conversation, std::string_view arguments);
Done atrn(Conversation& conversation, std::string_view arguments);
Done auth(Conversation& conversation, std::string_view arguments);
Done starttls(Conversation& conversation, std::string_view arguments);

/// A BDAT that is not allowed now: its octets are taken and dropped, then comes the reply (RFC 3030 §2).
Done drop_bdat(Conversation& conversation, std::string_view arguments, const ReplyView& why);

/// In the order of Verb; null where the table says absent.
inline constexpr std::array<Handler, kVerbs> kHandlers = {
    helo, ehlo, lhlo, mail, rcpt,     data,    bdat, burl, rset,    vrfy,    expn,
    help, noop, quit, auth, starttls, nullptr, etrn, atrn, nullptr, nullptr, nullptr,
};
static_assert(
    [] {
      for (std::size_t i = 0; i < kVerbs; ++i)
        if ((kHandlers[i] == nullptr) != (kRules[i].step[0] == Step::absent)) return false;
      return true;
    }(),
    "every verb that may be used has a handler");

/// Nothing to wait for, and the reply is written.
inline Done done() { return Result<>(); }
inline Done refused(Conversation& conversation, const ReplyView& why) {
  conversation.refuse(why);
  return Result<>();
}

/// DATA was refused. A client that does not wait has sent the text already: none of it must pass for commands.
inline void after_refused_data(Conversation& conversation) {
  if (conversation.policy().synchrony == Synchrony::not_needed) conversation.close();
}

}  // namespace angarium::protocol::smtp::command
