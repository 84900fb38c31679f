#include "transfer/remote_notes.h"

#include <utility>

#include "transfer/error.h"
#include "transfer/frames.h"

namespace angarium::transfer {
namespace {

/// Exports of one message that are asked for at once: few are refused more often.
constexpr std::uint64_t kTurnsAtOnce = 64;

std::string payload_of(const std::vector<Fingerprint>& names) {
  std::string payload;
  for (const Fingerprint& one : names) payload += octets(one);
  return payload;
}

}  // namespace

Fingerprint RemoteNotes::name_of(std::string_view what, std::uint64_t number) {
  names_.add_text("export");
  names_.add_text(account_);
  names_.add_text(there_);
  names_.add_text(std::to_string(validity_));
  names_.add_text(what);
  // A message there is the same one whatever mailbox it came from.
  if (what != "there") {
    names_.add_text(std::to_string(mailbox_.id));
    names_.add_text(std::to_string(mailbox_.uid_validity));
  }
  names_.add_text(std::to_string(number));
  return names_.finish();
}

Result<std::string> RemoteNotes::known(const std::vector<Fingerprint>& asked) {
  if (asked.empty()) return std::string();
  TRY(link_.send(frame(Kind::known, payload_of(asked))));
  TRY(link_.flush());
  Link::Frame answer = TRY(link_.receive());
  if (answer.kind != Kind::are_known || answer.payload.size() != asked.size() ||
      TRY(link_.receive()).kind != Kind::over)
    return fail(kTalkEnded, "the server said what makes no sense");
  return std::move(answer.payload);
}

Result<> RemoteNotes::note(const std::vector<Fingerprint>& names) {
  if (names.empty()) return {};
  TRY(link_.send(frame(Kind::remember, payload_of(names))));
  TRY(link_.flush());
  if (TRY(link_.receive()).kind != Kind::over) return fail(kTalkEnded, "the server said what makes no sense");
  return {};
}

/// What is noted when messages are going to be sent, and when all of them are settled. A message that was refused is
/// sent again by the next export: by the next turn, for what was settled says nothing of what breaks off later.
Fingerprint RemoteNotes::turn_of(std::string_view what, mailbox::Uid first, std::uint64_t turn) {
  return name_of(turn == 0 ? std::string(what) : std::string(what) + " " + std::to_string(turn), first);
}

/// Turns come one after the other: so many were settled.
Result<std::uint64_t> RemoteNotes::settled_turns(mailbox::Uid first) {
  for (std::uint64_t turn = 0;; turn += kTurnsAtOnce) {
    std::vector<Fingerprint> asked;
    for (std::uint64_t i = 0; i < kTurnsAtOnce; ++i) asked.push_back(turn_of("settled", first, turn + i));
    const std::size_t end = TRY(known(asked)).find('\0');
    if (end != std::string::npos) return turn + end;
  }
}

Result<bool> RemoteNotes::broke_off(const mailbox::UidSet& missing) {
  bool broken = false;
  std::vector<mailbox::Uid> uids;
  std::vector<Fingerprint> asked;
  const auto ask = [&]() -> Result<> {
    const std::string begun = TRY(known(asked));
    for (std::size_t i = 0; i < begun.size(); ++i) {
      if (begun[i] == 0) continue;
      const std::uint64_t turn = turns_[uids[i]] = TRY(settled_turns(uids[i]));
      broken = broken || TRY(known({turn_of("asked", uids[i], turn)})).front() != 0;
    }
    uids.clear();
    asked.clear();
    return {};
  };
  for (const mailbox::UidRange range : missing.ranges()) {
    for (std::uint64_t uid = range.first; uid <= range.last; ++uid) {
      uids.push_back(static_cast<mailbox::Uid>(uid));
      asked.push_back(turn_of("asked", uids.back(), 0));
      if (asked.size() == kKnownMax) TRY(ask());
    }
  }
  TRY(ask());
  return broken;
}

Result<> RemoteNotes::expect(mailbox::Uid first) {
  const auto begun = turns_.find(first);
  const std::uint64_t turn = begun == turns_.end() ? 0 : begun->second;
  settles_ = turn_of("settled", first, turn);
  return note({turn_of("asked", first, turn)});
}

void RemoteNotes::remember(std::uint64_t uid, std::optional<std::uint32_t> there_uid) {
  went_.push_back(went(uid));
  // A number that does not last names nothing later.
  if (there_uid && validity_ != 0) went_.push_back(there(*there_uid));
}

Result<> RemoteNotes::settle(bool certain) {
  if (certain && settles_) went_.push_back(*settles_);
  settles_.reset();
  // Two names of each of kRemoteTogether messages and one more fit a question.
  return note(std::exchange(went_, {}));
}

}  // namespace angarium::transfer
