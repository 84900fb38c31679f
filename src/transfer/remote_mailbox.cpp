#include "transfer/remote_mailbox.h"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "base/text.h"
#include "io/block_on.h"
#include "transfer/remote_content.h"
#include "transfer/remote_notes.h"
#include "transfer/remote_session.h"
#include "transfer/spool.h"

namespace angarium::transfer {
namespace {

namespace imap = protocol::imap;

/// Octets of letters that go by one command: they are held in memory.
constexpr std::size_t kTogetherOctets = kSpoolMemory;

/// After an export that broke off, a mailbox has to stay as it is for so long before it is believed.
constexpr Duration kCalm = std::chrono::seconds(3);

bool refuses(const Error& error) { return error.is(imap::kServerRefused) || error.is(imap::kServerBusy); }

/// Of a letter that is being brought, BAD says the same.
bool refuses_letter(const Error& error) { return refuses(error) || error.is(imap::kServerBad); }

/// A letter that waits.
struct Waiting {
  MessageHeader header;
  std::string octets;
  bool nul = false;
};

/// A message there of which nobody knows how it came.
struct Stray {
  std::int64_t date = 0;
  std::uint64_t size = 0;
  std::uint32_t uid = 0;
  [[nodiscard]] auto key() const { return std::tuple(date, size); }
};

class RemoteMailbox final : public Box {
 public:
  RemoteMailbox(io::Loop& loop, Link& link, RemoteSession& session, RemoteMailboxTerms terms)
      : loop_(loop),
        client_(session.client()),
        terms_(std::move(terms)),
        notes_(link, terms_.mailbox, session.path_of(""), terms_.name) {}

  Result<> look() {
    if (!terms_.exists) return {};
    const auto status = TRY(taken(client_.status(terms_.name, "UIDVALIDITY")));
    for (const auto& [item, value] : status.items)
      if (item == "UIDVALIDITY") notes_.set_validity(static_cast<std::uint32_t>(value));
    return {};
  }

  Result<> open() override {
    const auto* const told = TRY(io::block_on(loop_, client_.capabilities()));
    several_ = told->has("MULTIAPPEND");
    binary_ = told->has("BINARY");
    for (const std::string& name : told->names)
      if (name.starts_with("APPENDLIMIT="))
        limit_ = parse_number<std::uint64_t>(std::string_view(name).substr(12)).value_or(limit_);
    if (!terms_.exists) TRY(make(told->has("CREATE-SPECIAL-USE")));
    const auto take = [this](const imap::Response& response) {
      if (const auto* const status = std::get_if<imap::StatusResponse>(&response); status != nullptr) {
        if (status->code == "PERMANENTFLAGS") take_permanent(status->code_text);
      }
    };
    const auto selected = TRY(taken(client_.select(terms_.name, imap::Access::read_write, take)));
    notes_.set_validity(selected.uids_not_sticky ? 0 : selected.uid_validity);
    exists_ = selected.exists;
    opened_ = true;
    return {};
  }

  Result<mailbox::UidSet> present(const mailbox::UidSet& uids) override {
    mailbox::UidSet present;
    if (!terms_.exists && !opened_) return present;
    std::vector<mailbox::Uid> all;
    std::vector<Fingerprint> asked;
    const auto ask = [&]() -> Result<> {
      const std::string known = TRY(notes_.known(asked));
      for (std::size_t i = 0; i < known.size(); ++i)
        if (known[i] != 0) present.add(all[i]);
      all.clear();
      asked.clear();
      return {};
    };
    for (const mailbox::UidRange range : uids.ranges()) {
      for (std::uint64_t uid = range.first; uid <= range.last; ++uid) {
        all.push_back(static_cast<mailbox::Uid>(uid));
        asked.push_back(notes_.went(uid));
        if (asked.size() == kKnownMax) TRY(ask());
      }
    }
    TRY(ask());
    if (!opened_ || present.count() == uids.count()) return present;
    if (TRY(notes_.broke_off(difference(uids, present)))) TRY(let_it_end());
    if (exists_ > 0) TRY(list_strays());
    return present;
  }

  [[nodiscard]] std::size_t at_once() const override { return kRemoteTogether; }

  Result<> expect(const mailbox::UidSet& uids) override { return notes_.expect(uids.ranges().front().first); }

  Result<> begin(const MessageHeader& header, std::string_view) override {
    header_ = header;
    nul_ = false;
    spool_.clear();
    return {};
  }

  Result<> write(std::string_view octets) override {
    nul_ = nul_ || octets.find('\0') != std::string_view::npos;
    digest_.add(octets);
    return spool_.write(octets);
  }

  /// Whatever comes of it, settle() tells.
  Result<> end() override {
    const Fingerprint digest = digest_.finish();
    const auto stray = broken_ ? Result<std::optional<std::uint32_t>>() : find_stray(digest);
    if (!stray) broken_ = stray.error();
    if (broken_) {
      ++settled_.unknown;
      return {};
    }
    if (*stray) {
      ++settled_.there;
      notes_.remember(header_.uid, **stray);
      return {};
    }
    if (spool_.size() > limit_)
      refuse(header_, "the server takes no message of more than " + std::to_string(limit_) + " octets");
    else if (nul_ && !binary_)
      refuse(header_, "it holds octets of zero, which the server does not take");
    else if (!spool_.in_memory())
      append_spooled();
    else
      wait_for_others();
    return {};
  }

  Result<> abandon() override {
    (void)digest_.finish();
    return {};
  }

  /// It is not remembered, and so comes again.
  Result<> miss(mailbox::Uid) override { return {}; }

  Result<Settled> settle() override {
    append_waiting();
    TRY(notes_.settle(settled_.unknown == 0));
    settled_.stopped = broken_;
    return std::exchange(settled_, {});
  }

  Result<> finish() override { return {}; }

 private:
  /// Refusals concern this mailbox, not the account.
  template <class T>
  Result<T> taken(io::Task<Result<T>> task) {
    auto result = io::block_on(loop_, std::move(task));
    if (!result && refuses(result.error()))
      return fail(kNotTaken,
                  "the server does not take " + escape_controls(terms_.name, 1000) + ": " + result.error().text());
    return result;
  }

  Result<> make(bool for_use) {
    auto made = io::block_on(loop_, client_.create(terms_.name, for_use ? terms_.use : ""));
    // The use may be taken, or the server's own matter.
    if (!made && refuses(made.error()) && for_use && !terms_.use.empty())
      made = io::block_on(loop_, client_.create(terms_.name));
    // An export that was killed, or somebody else, made it meanwhile.
    if (!made && !made.error().text().starts_with("[ALREADYEXISTS]")) TRY(not_taken(std::move(made)));
    auto subscribed = io::block_on(loop_, client_.subscribe(terms_.name));
    return !subscribed && !refuses(subscribed.error()) ? subscribed : Result<>();
  }

  Result<> not_taken(Result<> outcome) const {
    if (!refuses(outcome.error())) return outcome;
    return fail(kNotTaken,
                "the server does not make " + escape_controls(terms_.name, 1000) + ": " + outcome.error().text());
  }

  // --- flags ---------------------------------------------------------------------------------------------------------

  /// "(\Answered \Deleted work \*)"
  void take_permanent(std::string_view list) {
    permanent_.emplace();
    if (list.starts_with('(')) list.remove_prefix(1);
    if (list.ends_with(')')) list.remove_suffix(1);
    while (!list.empty()) permanent_->emplace_back(take_until(list, ' '));
  }

  /// RFC 9051 §7.1: without PERMANENTFLAGS all can be set for good; \* permits new keywords.
  [[nodiscard]] bool keeps(std::string_view flag) const {
    if (!permanent_) return true;
    return std::ranges::any_of(*permanent_, [&](const std::string& one) {
      return equals_ignore_case(one, flag) || (one == "\\*" && !flag.starts_with('\\'));
    });
  }

  [[nodiscard]] imap::FlagList flags_of(const mailbox::FlagNames& flags) const {
    struct Pair {
      mailbox::SystemFlags here;
      imap::Flags there;
    };
    constexpr std::array<Pair, 5> kPairs = {{{mailbox::kSeen, imap::kSeen},
                                             {mailbox::kAnswered, imap::kAnswered},
                                             {mailbox::kFlagged, imap::kFlagged},
                                             {mailbox::kDraft, imap::kDraft},
                                             {mailbox::kDeleted, imap::kDeleted}}};
    imap::FlagList list;
    for (const Pair& pair : kPairs)
      if ((flags.system & pair.here) != 0 && keeps(imap::kFlagNames[std::countr_zero(pair.there)]))
        list.system |= pair.there;
    for (const std::string& keyword : flags.keywords)
      if (keeps(keyword)) list.keywords.push_back(keyword);
    return list;
  }

  // --- what is there -------------------------------------------------------------------------------------------------

  /// The server may still be taking what the session before had sent: until nothing more comes.
  Result<> let_it_end() {
    for (std::uint32_t before = exists_ + 1; before != exists_;) {
      before = exists_;
      TRY(io::block_on(loop_, pause(loop_)));
      exists_ = TRY(taken(client_.select(terms_.name, imap::Access::read_write))).exists;
    }
    return {};
  }

  static io::Task<Result<>> pause(io::Loop& loop) {
    co_await loop.sleep_for(kCalm);
    co_return Result<>();
  }

  /// Messages there that no export remembers: one may have come by an APPEND whose end nobody heard.
  Result<> list_strays() {
    strays_.clear();
    bool endless = false;
    TRY(taken(client_.uid_fetch("1:*", "(UID RFC822.SIZE INTERNALDATE)", [&](const imap::Response& response) {
      const auto* const one = std::get_if<imap::FetchResponse>(&response);
      if (one == nullptr || !one->uid || !one->size || !one->internal_date) return;
      endless = endless || strays_.size() == kRemoteMessagesMax;
      if (!endless) strays_.push_back({.date = one->internal_date->seconds(), .size = *one->size, .uid = *one->uid});
    })));
    if (endless) return fail(imap::kServerBroke, "the server lists messages without end");
    if (notes_.validity() != 0) TRY(leave_known_out());
    std::ranges::sort(strays_, {}, [](const Stray& one) { return std::tuple(one.date, one.size, one.uid); });
    return {};
  }

  Result<> leave_known_out() {
    std::string known;
    std::vector<Fingerprint> asked;
    for (const Stray& one : strays_) {
      asked.push_back(notes_.there(one.uid));
      if (asked.size() < kKnownMax) continue;
      known += TRY(notes_.known(asked));
      asked.clear();
    }
    known += TRY(notes_.known(asked));
    std::size_t left = 0;
    for (std::size_t i = 0; i < strays_.size(); ++i)
      if (known[i] == 0) strays_[left++] = strays_[i];
    strays_.resize(left);
    return {};
  }

  /// One that is the same to the octet, each for one message of ours.
  Result<std::optional<std::uint32_t>> find_stray(const Fingerprint& digest) {
    const auto wanted = std::tuple(header_.received, spool_.size());
    auto at = std::ranges::lower_bound(strays_, wanted, {}, [](const Stray& one) { return one.key(); });
    for (; at != strays_.end() && at->key() == wanted; ++at) {
      Digesting sink;
      const auto each = [&](const imap::Response& response) {
        if (const auto* const one = std::get_if<imap::FetchResponse>(&response))
          for (const auto& content : one->contents) sink.take(content.octets.value_or(""));
      };
      auto read = io::block_on(loop_, client_.uid_fetch(std::to_string(at->uid), "(UID BODY.PEEK[])", each, &sink));
      if (!read && !refuses(read.error())) return std::unexpected(std::move(read).error());
      if (!read || sink.finish() != digest) continue;
      const std::uint32_t uid = at->uid;
      strays_.erase(at);
      return uid;
    }
    return std::nullopt;
  }

  // --- what goes there -----------------------------------------------------------------------------------------------

  void refuse(const MessageHeader& header, std::string words) {
    settled_.refused.emplace_back(static_cast<mailbox::Uid>(header.uid), std::move(words));
  }

  imap::Letter letter_of(const MessageHeader& header, std::uint64_t size, bool nul, imap::ContentSource& content) {
    return {.flags = flags_of(header.flags),
            .date = WallTime::from_seconds(header.received),
            .zone_minutes = header.zone_minutes,
            .facts = {.octets = size, .nul = nul},
            .content = &content};
  }

  /// After an error but a refusal the connection is of no more use.
  Result<std::optional<imap::UidCode>> append(std::vector<imap::Letter> letters) {
    if (broken_) return std::unexpected(*broken_);
    auto code = io::block_on(loop_, client_.append(terms_.name, std::move(letters)));
    if (!code && !refuses_letter(code.error())) broken_ = code.error();
    return code;
  }

  void append_spooled() {
    append_waiting();
    FromSpool content(spool_);
    std::vector<imap::Letter> letters;
    letters.push_back(letter_of(header_, spool_.size(), nul_, content));
    const auto code = append(std::move(letters));
    if (code)
      note(*code, {&header_});
    else
      fail_at(header_, code.error());
  }

  void wait_for_others() {
    if (waiting_octets_ + spool_.size() > kTogetherOctets) append_waiting();
    waiting_.push_back({.header = header_, .octets = std::string(spool_.held()), .nul = nul_});
    waiting_octets_ += spool_.size();
    if (!several_) append_waiting();
  }

  void append_waiting() {
    const std::vector<Waiting> all = std::exchange(waiting_, {});
    waiting_octets_ = 0;
    // One of several may be the reason that none came (RFC 3502 §6.3.11).
    if (all.empty() || (all.size() > 1 && append_these(all))) return;
    for (const Waiting& one : all)
      if (const auto done = append_these({&one, 1}); !done) fail_at(one.header, done.error());
  }

  void fail_at(const MessageHeader& header, const Error& error) {
    if (refuses_letter(error))
      refuse(header, error.text());
    else
      ++settled_.unknown;
  }

  Result<> append_these(std::span<const Waiting> some) {
    std::vector<std::unique_ptr<FromMemory>> contents;
    std::vector<imap::Letter> letters;
    std::vector<const MessageHeader*> headers;
    for (const Waiting& one : some) {
      contents.push_back(std::make_unique<FromMemory>(one.octets));
      letters.push_back(letter_of(one.header, one.octets.size(), one.nul, *contents.back()));
      headers.push_back(&one.header);
    }
    note(TRY(append(std::move(letters))), headers);
    return {};
  }

  /// RFC 4315 §3: the UIDs stand in the order of the letters, which is theirs.
  void note(const std::optional<imap::UidCode>& code, const std::vector<const MessageHeader*>& headers) {
    std::vector<std::uint32_t> uids;
    if (code && code->uid_validity == notes_.validity() && code->first.count() == headers.size())
      code->first.each([&](std::uint32_t uid) { uids.push_back(uid); });
    for (std::size_t i = 0; i < headers.size(); ++i)
      notes_.remember(headers[i]->uid, uids.empty() ? std::nullopt : std::optional(uids[i]));
  }

  io::Loop& loop_;
  imap::Client& client_;
  RemoteMailboxTerms terms_;
  RemoteNotes notes_;
  std::uint32_t exists_ = 0;
  bool opened_ = false;
  bool several_ = false;
  bool binary_ = false;
  std::uint64_t limit_ = UINT64_MAX;
  std::optional<std::vector<std::string>> permanent_;
  std::vector<Stray> strays_;
  MessageHeader header_;
  bool nul_ = false;
  Spool spool_;
  Fingerprinter digest_;
  std::vector<Waiting> waiting_;
  std::size_t waiting_octets_ = 0;
  std::optional<Error> broken_;
  Settled settled_;
};

}  // namespace

Result<std::unique_ptr<Box>> look_at_remote_mailbox(io::Loop& loop, Link& link, RemoteSession& session,
                                                    RemoteMailboxTerms terms) {
  auto box = std::make_unique<RemoteMailbox>(loop, link, session, std::move(terms));
  TRY(box->look());
  return box;
}

}  // namespace angarium::transfer
