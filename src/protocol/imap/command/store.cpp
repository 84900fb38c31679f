// STORE (RFC 9051 §6.4.6) with UNCHANGEDSINCE (RFC 7162 §3.1.3).
#include <algorithm>
#include <set>

#include "base/text.h"
#include "protocol/imap/message_limit.h"
#include "protocol/imap/progress.h"

namespace angarium::protocol::imap::command {

namespace {

struct Arguments {
  SequenceSet set;
  StoreRequest request;
  bool silent = false;
};

Result<Arguments> arguments(Parser& parser) {
  Arguments found;
  found.set = TRY(parser.sequence_set());
  TRY(parser.space());
  if (parser.present('(')) {
    // store-modifiers (RFC 4466 §2.5, RFC 7162 §3.1.3)
    TRY(parser.require("UNCHANGEDSINCE"));
    TRY(parser.space());
    found.request.unchanged_since = TRY(parser.mod_sequence_valzer());
    TRY(parser.require(')'));
    TRY(parser.space());
  }
  found.request.change = FlagChange::replace;
  if (parser.present('+')) {
    found.request.change = FlagChange::add;
  } else if (parser.present('-')) {
    found.request.change = FlagChange::remove;
  }
  const auto name = TRY(parser.word());
  if (name != "FLAGS" && name != "FLAGS.SILENT") return parser.expected("FLAGS or FLAGS.SILENT before this");
  found.silent = name == "FLAGS.SILENT";
  TRY(parser.space());
  found.request.flags = TRY(parser.store_flags());
  TRY(parser.end());
  return found;
}

/// What a client takes the flags to be after its silent STORE: those it was told, changed as it asked.
class Expectation {
 public:
  /// `now` knows the keywords of the request.
  Expectation(std::shared_ptr<const View> told, const View& now, FlagChange change, const FlagList& flags)
      : told_(std::move(told)), now_(now), change_(change), system_(flags.system) {
    const auto names = now.keywords();
    for (const auto& keyword : flags.keywords) {
      const auto at = std::ranges::find_if(names, [&](const auto& name) { return equals_ignore_case(name, keyword); });
      if (at == names.end()) continue;
      const auto index = static_cast<std::uint16_t>(at - names.begin());
      if (index < 64) {
        low_ |= std::uint64_t{1} << index;
      } else {
        high_.insert(index);
      }
    }
  }

  [[nodiscard]] bool met_by(const Entry& entry) const {
    Entry told;
    if (told_->read(told_->lower_bound(entry.uid), {&told, 1}) == 0 || told.uid != entry.uid) return false;
    if (entry.flags != changed(told.flags, system_) || entry.keywords != changed(told.keywords, low_)) return false;
    if (high_.empty() && !told.spilled && !entry.spilled) return true;
    auto expected = spilled(*told_, told);
    if (change_ == FlagChange::replace) expected.clear();
    for (const auto index : high_) {
      if (change_ == FlagChange::remove) {
        expected.erase(index);
      } else {
        expected.insert(index);
      }
    }
    return expected == spilled(now_, entry);
  }

 private:
  template <class Bits>
  [[nodiscard]] Bits changed(Bits before, Bits wanted) const {
    if (change_ == FlagChange::replace) return wanted;
    return static_cast<Bits>(change_ == FlagChange::add ? before | wanted : before & ~wanted);
  }
  static std::set<std::uint16_t> spilled(const View& view, const Entry& entry) {
    if (!entry.spilled) return {};
    const auto indexes = view.spilled_keywords(entry);
    return {indexes.begin(), indexes.end()};
  }

  std::shared_ptr<const View> told_;
  const View& now_;
  FlagChange change_;
  Flags system_;
  std::uint64_t low_ = 0;
  std::set<std::uint16_t> high_;
};

/// Batches of a silent STORE that are looked at before others of the loop go first: a few milliseconds.
constexpr std::size_t kSilentBatches = 256;

/// FETCH responses for what was stored: FLAGS unless silent, MODSEQ where CONDSTORE is on (RFC 7162 §3.1.3). Also a
/// silent STORE tells of flags that somebody else changed (RFC 9051 §6.4.6, Note).
io::Task<Result<void>> tell(Session& session, Selected::Resolved resolved, Addressing addressing, const NumberSet& told,
                            const std::optional<Expectation>& silent) {
  Cursor cursor(*session.selected, std::move(resolved));
  std::size_t batches = 0;
  for (auto batch = cursor.next(); !batch.empty(); batch = cursor.next()) {
    if (++batches % kSilentBatches == 0) co_await io::Loop::current().yield();
    for (const auto& target : batch) {
      if (target.ghost || !told.contains(target.entry.uid)) continue;
      if (!silent || !silent->met_by(target.entry)) {
        session.tell_message(target, addressing);
        continue;
      }
      if (!session.has(kCondstore)) continue;
      auto& out = session.text();
      session.open_fetch(target);
      if (!session.has(kUidOnly)) {
        out += "UID ";
        append_number(out, target.entry.uid);
        out += ' ';
      }
      out += "MODSEQ (";
      append_number(out, target.entry.modseq);
      out += "))\r\n";
    }
    CO_TRY(co_await session.room());
  }
  co_return Result<void>{};
}

bool has_keyword(const View& view, const Entry& entry, std::string_view keyword) {
  const auto names = view.keywords();
  const auto at = std::ranges::find_if(names, [&](const auto& name) { return equals_ignore_case(name, keyword); });
  if (at == names.end()) return false;
  const auto index = static_cast<std::uint16_t>(at - names.begin());
  if (index < 64) return (entry.keywords >> index & 1) != 0;
  if (!entry.spilled) return false;
  const auto spilled = view.spilled_keywords(entry);
  return std::ranges::find(spilled, index) != spilled.end();
}

std::optional<Entry> entry_of(const View& view, std::uint32_t uid) {
  Entry entry;
  if (view.read(view.lower_bound(uid), {&entry, 1}) == 0 || entry.uid != uid) return std::nullopt;
  return entry;
}

/// Whether nothing of what the request is about has changed since the client was told of the message, though something
/// else has.
bool unconcerned(const StoreRequest& request, const View& told, const View& now, std::uint32_t uid) {
  const auto is = entry_of(now, uid);
  if (!is) return false;
  const auto& keywords = request.flags.keywords;
  // RFC 7162 §3.1.3: 0 fails where the item is there; system flags always are.
  if (request.unchanged_since == 0 && request.flags.system == 0 && !keywords.empty())
    return std::ranges::none_of(keywords, [&](const auto& keyword) { return has_keyword(now, *is, keyword); });
  const auto was = entry_of(told, uid);
  if (!was || was->modseq > *request.unchanged_since) return false;
  return ((was->flags ^ is->flags) & request.flags.system) == 0 && std::ranges::all_of(keywords, [&](const auto& word) {
           return has_keyword(told, *was, word) == has_keyword(now, *is, word);
         });
}

/// How often a message may change otherwise while its conditional STORE is at work, before it counts as a conflict.
constexpr int kConditionalTries = 3;

/// Stores, and gives what was left alone. RFC 7162 §3.1.3: where flags are added or taken away, those alone are what
/// may not have changed.
io::Task<Result<NumberSet>> conditional_store(Session& session, StoreRequest request, const View& told) {
  auto& mailbox = session.selected->mailbox();
  NumberSet left = CO_TRY(co_await mailbox.store(request)).modified;
  if (request.change == FlagChange::replace) co_return left;
  for (int tries = 0; tries < kConditionalTries && !left.empty(); ++tries) {
    const auto now = mailbox.view();
    NumberSet free;
    left.each([&](std::uint32_t uid) {
      if (unconcerned(request, told, *now, uid)) free.add(uid);
    });
    if (free.empty()) break;
    StoreRequest again = request;
    again.uids = free;
    again.unchanged_since = now->highest_modseq();
    const NumberSet changed = CO_TRY(co_await mailbox.store(std::move(again))).modified;
    left = left.difference(free.difference(changed));
  }
  co_return left;
}

/// The code's numbers are of the kind the command uses (RFC 7162 §3.1.3).
NumberSet as_numbers(const Selected& selected, const NumberSet& uids, Addressing addressing) {
  if (addressing == Addressing::uid) return uids;
  NumberSet numbers;
  uids.each([&](std::uint32_t uid) {
    if (const auto target = selected.find(uid)) numbers.add(target->sequence);
  });
  return numbers;
}

}  // namespace

io::Task<Result<Reply>> store(Session& session, Command& command) {
  auto found = CO_TRY(arguments(command.parser));
  auto& selected = *session.selected;
  const auto resolved = CO_TRY(selected.resolve(found.set, command.addressing));
  if (selected.read_only()) co_return fail(kReadOnly, "The mailbox is read-only");
  if (found.request.unchanged_since) session.enable_condstore();
  bool ghosts = false;
  const auto [uids, limit] = limited(session, selected.uids(resolved, ghosts));
  found.request.uids = uids;
  const auto before = selected.held_view();
  const auto change = found.request.change;
  const auto flags = found.request.flags;
  NumberSet modified;
  std::optional<Progress> progress(std::in_place, session, command.tag);
  if (!uids.empty()) {
    modified = found.request.unchanged_since
                   ? CO_TRY(co_await conditional_store(session, std::move(found.request), *before))
                   : CO_TRY(co_await selected.mailbox().store(std::move(found.request))).modified;
  }
  progress.reset();
  const auto stored = uids.difference(modified);
  session.tell_changes(stored);
  if (session.selected == nullptr) co_return fail(kNonExistent, "The mailbox was deleted");
  // Also those that went since the last command.
  (void)selected.uids(resolved, ghosts);
  std::optional<Expectation> silent;
  if (found.silent) silent.emplace(before, selected.view(), change, flags);
  CO_TRY(co_await tell(session, resolved, command.addressing, stored, silent));
  // RFC 2180 §4.2.1: the others were changed.
  if (ghosts && resolved.addressing == Addressing::sequence)
    co_return std::unexpected(with_limit(session, {kExpungeIssued, "Some of the messages are gone"}, limit));
  if (modified.empty()) co_return with_limit(session, done("STORE completed"), limit);
  co_return with_limit(session,
                       done("Conditional STORE left some alone",
                            "MODIFIED " + as_numbers(selected, modified, command.addressing).text()),
                       limit);
}

}  // namespace angarium::protocol::imap::command
