// The states of a session and the table of commands: all rules that hold for a command before its own grammar.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/task.h"
#include "protocol/imap/error.h"
#include "protocol/imap/parser.h"
#include "protocol/imap/selected.h"

namespace angarium::protocol::imap {

class Session;

/// RFC 9051 §3, as bits.
enum State : std::uint8_t { kNotAuthenticated = 1, kAuthenticated = 2, kSelected = 4, kLogout = 8 };
inline constexpr std::uint8_t kAnyState = kNotAuthenticated | kAuthenticated | kSelected;
inline constexpr std::uint8_t kLoggedIn = kAuthenticated | kSelected;

/// One command as its handler gets it: the parser stands behind the name and the blank after it.
struct Command {
  std::string tag;
  Parser parser{{}};
  Addressing addressing = Addressing::sequence;  ///< uid: it came with "UID " in front
};

/// A handler parses to the end of the line, checks, acts, writes its untagged responses and returns the tagged one.
using Handler = io::Task<Result<Reply>> (*)(Session&, Command&);

struct CommandRow {
  enum class Arguments { none, some, any };  ///< any: some or none
  enum class Uid { no, also, only };
  enum class Tls { any, not_yet };
  /// Whether untagged EXPUNGE may come before its tagged reply (RFC 9051 §7.5.1); with "UID " it always may.
  enum class Expunges { told, withheld };

  std::string_view name;
  std::uint8_t states;
  Arguments arguments;
  Uid uid;
  Expunges expunges;
  Handler run;
  Tls tls = Tls::any;
};

namespace command {
io::Task<Result<Reply>> append(Session&, Command&);
io::Task<Result<Reply>> authenticate(Session&, Command&);
io::Task<Result<Reply>> cancelupdate(Session&, Command&);
io::Task<Result<Reply>> capability(Session&, Command&);
io::Task<Result<Reply>> check(Session&, Command&);
io::Task<Result<Reply>> close(Session&, Command&);
io::Task<Result<Reply>> comparator(Session&, Command&);
io::Task<Result<Reply>> compress(Session&, Command&);
io::Task<Result<Reply>> copy(Session&, Command&);
io::Task<Result<Reply>> create(Session&, Command&);
io::Task<Result<Reply>> deleteacl(Session&, Command&);
io::Task<Result<Reply>> delete_mailbox(Session&, Command&);
io::Task<Result<Reply>> enable(Session&, Command&);
io::Task<Result<Reply>> esearch(Session&, Command&);
io::Task<Result<Reply>> examine(Session&, Command&);
io::Task<Result<Reply>> expunge(Session&, Command&);
io::Task<Result<Reply>> fetch(Session&, Command&);
io::Task<Result<Reply>> genurlauth(Session&, Command&);
io::Task<Result<Reply>> getacl(Session&, Command&);
io::Task<Result<Reply>> getmetadata(Session&, Command&);
io::Task<Result<Reply>> getquota(Session&, Command&);
io::Task<Result<Reply>> getquotaroot(Session&, Command&);
io::Task<Result<Reply>> id(Session&, Command&);
io::Task<Result<Reply>> idle(Session&, Command&);
io::Task<Result<Reply>> language(Session&, Command&);
io::Task<Result<Reply>> list(Session&, Command&);
io::Task<Result<Reply>> listrights(Session&, Command&);
io::Task<Result<Reply>> login(Session&, Command&);
io::Task<Result<Reply>> logout(Session&, Command&);
io::Task<Result<Reply>> lsub(Session&, Command&);
io::Task<Result<Reply>> move(Session&, Command&);
io::Task<Result<Reply>> myrights(Session&, Command&);
io::Task<Result<Reply>> namespaces(Session&, Command&);
io::Task<Result<Reply>> noop(Session&, Command&);
io::Task<Result<Reply>> notify(Session&, Command&);
io::Task<Result<Reply>> rename(Session&, Command&);
io::Task<Result<Reply>> replace(Session&, Command&);
io::Task<Result<Reply>> resetkey(Session&, Command&);
io::Task<Result<Reply>> search(Session&, Command&);
io::Task<Result<Reply>> select(Session&, Command&);
io::Task<Result<Reply>> setacl(Session&, Command&);
io::Task<Result<Reply>> setmetadata(Session&, Command&);
io::Task<Result<Reply>> setquota(Session&, Command&);
io::Task<Result<Reply>> sort(Session&, Command&);
io::Task<Result<Reply>> starttls(Session&, Command&);
io::Task<Result<Reply>> status(Session&, Command&);
io::Task<Result<Reply>> store(Session&, Command&);
io::Task<Result<Reply>> subscribe(Session&, Command&);
io::Task<Result<Reply>> thread(Session&, Command&);
io::Task<Result<Reply>> uidbatches(Session&, Command&);
io::Task<Result<Reply>> unauthenticate(Session&, Command&);
io::Task<Result<Reply>> unselect(Session&, Command&);
io::Task<Result<Reply>> unsubscribe(Session&, Command&);
io::Task<Result<Reply>> urlfetch(Session&, Command&);
}  // namespace command

namespace detail {
inline constexpr auto kNone = CommandRow::Arguments::none;
inline constexpr auto kSome = CommandRow::Arguments::some;
inline constexpr auto kAny = CommandRow::Arguments::any;
inline constexpr auto kNoUid = CommandRow::Uid::no;
inline constexpr auto kUidAlso = CommandRow::Uid::also;
inline constexpr auto kTold = CommandRow::Expunges::told;
inline constexpr auto kWithheld = CommandRow::Expunges::withheld;
}  // namespace detail

/// Every command, sorted by name. A new one is a file under command/ and a row here.
inline constexpr auto kCommands = std::to_array<CommandRow>({
    // name            in states           arguments      with UID          EXPUNGE            handler
    {"APPEND", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::append},
    {"AUTHENTICATE", kNotAuthenticated, detail::kSome, detail::kNoUid, detail::kTold, command::authenticate},
    {"CANCELUPDATE", kSelected, detail::kSome, detail::kNoUid, detail::kTold, command::cancelupdate},
    {"CAPABILITY", kAnyState, detail::kNone, detail::kNoUid, detail::kTold, command::capability},
    {"CHECK", kSelected, detail::kNone, detail::kNoUid, detail::kTold, command::check},
    {"CLOSE", kSelected, detail::kNone, detail::kNoUid, detail::kTold, command::close},
    {"COMPARATOR", kLoggedIn, detail::kAny, detail::kNoUid, detail::kTold, command::comparator},
    {"COMPRESS", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::compress},
    {"COPY", kSelected, detail::kSome, detail::kUidAlso, detail::kTold, command::copy},
    {"CREATE", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::create},
    {"DELETE", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::delete_mailbox},
    {"DELETEACL", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::deleteacl},
    {"ENABLE", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::enable},
    {"ESEARCH", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::esearch},
    {"EXAMINE", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::examine},
    {"EXPUNGE", kSelected, detail::kNone, detail::kUidAlso, detail::kTold, command::expunge},
    {"FETCH", kSelected, detail::kSome, detail::kUidAlso, detail::kWithheld, command::fetch},
    {"GENURLAUTH", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::genurlauth},
    {"GETACL", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::getacl},
    {"GETMETADATA", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::getmetadata},
    {"GETQUOTA", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::getquota},
    {"GETQUOTAROOT", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::getquotaroot},
    {"ID", kAnyState, detail::kSome, detail::kNoUid, detail::kTold, command::id},
    {"IDLE", kLoggedIn, detail::kNone, detail::kNoUid, detail::kTold, command::idle},
    {"LANGUAGE", kAnyState, detail::kAny, detail::kNoUid, detail::kTold, command::language},
    {"LIST", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::list},
    {"LISTRIGHTS", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::listrights},
    {"LOGIN", kNotAuthenticated, detail::kSome, detail::kNoUid, detail::kTold, command::login},
    {"LOGOUT", kAnyState, detail::kNone, detail::kNoUid, detail::kTold, command::logout},
    {"LSUB", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::lsub},
    {"MOVE", kSelected, detail::kSome, detail::kUidAlso, detail::kTold, command::move},
    {"MYRIGHTS", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::myrights},
    {"NAMESPACE", kLoggedIn, detail::kNone, detail::kNoUid, detail::kTold, command::namespaces},
    {"NOOP", kAnyState, detail::kNone, detail::kNoUid, detail::kTold, command::noop},
    {"NOTIFY", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::notify},
    {"RENAME", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::rename},
    {"REPLACE", kSelected, detail::kSome, detail::kUidAlso, detail::kTold, command::replace},
    {"RESETKEY", kLoggedIn, detail::kAny, detail::kNoUid, detail::kTold, command::resetkey},
    // RFC 2193 §3: no mailbox is elsewhere, so that they tell what LIST and LSUB do.
    {"RLIST", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::list},
    {"RLSUB", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::lsub},
    {"SEARCH", kSelected, detail::kSome, detail::kUidAlso, detail::kWithheld, command::search},
    {"SELECT", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::select},
    {"SETACL", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::setacl},
    {"SETMETADATA", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::setmetadata},
    {"SETQUOTA", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::setquota},
    {"SORT", kSelected, detail::kSome, detail::kUidAlso, detail::kWithheld, command::sort},
    {"STARTTLS", kNotAuthenticated, detail::kNone, detail::kNoUid, detail::kTold, command::starttls,
     CommandRow::Tls::not_yet},
    {"STATUS", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::status},
    {"STORE", kSelected, detail::kSome, detail::kUidAlso, detail::kWithheld, command::store},
    {"SUBSCRIBE", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::subscribe},
    {"THREAD", kSelected, detail::kSome, detail::kUidAlso, detail::kWithheld, command::thread},
    {"UIDBATCHES", kSelected, detail::kSome, detail::kNoUid, detail::kTold, command::uidbatches},
    {"UNAUTHENTICATE", kLoggedIn, detail::kNone, detail::kNoUid, detail::kTold, command::unauthenticate},
    {"UNSELECT", kSelected, detail::kNone, detail::kNoUid, detail::kTold, command::unselect},
    {"UNSUBSCRIBE", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::unsubscribe},
    {"URLFETCH", kLoggedIn, detail::kSome, detail::kNoUid, detail::kTold, command::urlfetch},
});

static_assert(std::ranges::is_sorted(kCommands, {}, &CommandRow::name), "commands are found by bisection");
static_assert(std::ranges::adjacent_find(kCommands, {}, &CommandRow::name) == kCommands.end(), "each command once");
static_assert(std::ranges::all_of(kCommands,
                                  [](const CommandRow& row) {
                                    const bool numbers = row.uid != CommandRow::Uid::no;
                                    // Only what names messages has a UID form, and only where there are messages.
                                    return row.states != 0 && row.run != nullptr &&
                                           (!numbers || row.states == kSelected) &&
                                           (row.expunges == CommandRow::Expunges::told || numbers);
                                  }),
              "every row keeps the rules");

/// By its name in upper case; nullptr: no such command.
constexpr const CommandRow* find_command(std::string_view name) {
  const auto* row = std::ranges::lower_bound(kCommands, name, {}, &CommandRow::name);
  return row != kCommands.end() && row->name == name ? row : nullptr;
}

}  // namespace angarium::protocol::imap
