#include "transfer/receive.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "io/event.h"
#include "io/loop.h"
#include "transfer/frame_stream.h"
#include "transfer/ledger_desk.h"

namespace angarium::transfer {
namespace {

using mailbox::MailboxId;

/// How often a batch is tried again after others brought some of its messages.
constexpr int kAttempts = 8;

/// A message that has arrived.
struct Arrived {
  mailbox::AppendItem item;
  std::uint64_t number = 0;
  Fingerprint fingerprint{};
  std::vector<Fingerprint> also;
};

/// What goes to one mailbox by one batch.
struct Load {
  MailboxId mailbox = 0;
  std::uint64_t octets = 0;
  std::vector<Arrived> messages;
};

class Receiver {
 public:
  Receiver(io::Stream& stream, Desk desk) : stream_(stream), desk_(desk), frames_(stream) {}

  io::Task<> run() {
    auto outcome = co_await talk();
    // What is under way belongs to this object.
    while (committing_) co_await committed_.wait();
    if (!outcome && failure_is_told(outcome.error())) {
      (void)co_await io::write_all(
          stream_, encode(Failure{.temporary = outcome.error().temporary(), .words = outcome.error().text()}));
    }
  }

 private:
  /// Nobody is there to be told when the stream has ended.
  static bool failure_is_told(const Error& error) {
    return !error.is(io::kEndOfStream) && !error.is(io::kReset) && !error.is(kCancelled);
  }

  io::Task<Result<>> talk() {
    mail_ = CO_TRY(co_await desk_.mail.account(desk_.account));
    io::Loop& loop = io::Loop::current();
    while (true) {
      stream_.set_deadline(loop.now() + kTalkPatience);
      CO_TRY(co_await tell());
      if (CO_TRY(frames_.ready())) {
        CO_TRY(co_await take(frames_.kind(), frames_.payload()));
        frames_.drop();
      } else {
        CO_TRY(co_await frames_.more(&committed_));
      }
    }
  }

  /// What batches came to meanwhile.
  io::Task<Result<>> tell() {
    if (failure_) co_return std::unexpected(*failure_);
    if (counts_.settled == told_) co_return Result<>();
    std::string out = std::exchange(notes_, {});
    told_ = counts_.settled;
    out += encode(Kind::durable, counts_);
    co_return co_await io::write_all(stream_, out);
  }

  io::Task<Result<>> take(Kind kind, std::string_view payload) {
    switch (kind) {
      case Kind::mailbox: co_return co_await place(CO_TRY(decode_wish(payload)));
      case Kind::known: co_return co_await tell_known(CO_TRY(decode_fingerprints(payload)));
      case Kind::octets: co_return co_await take_octets(payload);
      case Kind::message: co_return co_await take_end(CO_TRY(decode_message(payload)));
      case Kind::abandon:
        intake_.reset();
        refusal_.clear();
        co_return Result<>();
      case Kind::remember: co_return co_await remember(CO_TRY(decode_fingerprints(payload)));
      case Kind::commit:
        CO_TRY(co_await send_load());
        CO_TRY(co_await settle());
        CO_TRY(co_await tell());
        co_return co_await io::write_all(stream_, encode(Kind::committed, counts_));
      default: co_return fail(kTalkEnded, "the other end of the talk said what makes no sense");
    }
  }

  // --- mailboxes -----------------------------------------------------------------------------------------------------

  io::Task<Result<>> place(MailboxWish wish) {
    MailboxPlace place{.handle = wish.handle, .exists = false, .name = wish.name, .refused = ""};
    if (targets_.size() >= mailbox::kMailboxesMax && !targets_.contains(wish.handle))
      co_return fail(kTalkEnded, "too many mailboxes in one talk");
    auto found = co_await find_or_make(wish, place);
    if (!found) {
      place.refused = found.error().text();
      if (found.error().temporary()) co_return std::unexpected(std::move(found).error());
    } else if (*found != 0) {
      targets_[wish.handle] = *found;
    }
    co_return co_await io::write_all(stream_, encode(place));
  }

  /// 0: it would be made.
  io::Task<Result<MailboxId>> find_or_make(const MailboxWish& wish, MailboxPlace& place) {
    const mailbox::ListingPtr listing = mail_->listing();
    const mailbox::MailboxInfo* info = nullptr;
    if (wish.use != mailbox::SpecialUse::none) info = listing->find(wish.use);
    if (info == nullptr || !info->selectable) {
      place.name = CO_TRY(mailbox::canonical_name(wish.name));
      info = listing->find(place.name);
    }
    if (info != nullptr && info->selectable) {
      place.exists = true;
      place.name = info->name;
      const MailboxId id = info->id;
      if (wish.make == Make::yes && wish.subscription == Subscription::on && !listing->subscribed(place.name))
        CO_TRY(co_await mail_->subscribe(place.name, mailbox::AccountMail::Subscription::on));
      co_return id;
    }
    if (wish.make == Make::no) co_return MailboxId{0};
    auto made = co_await mail_->create(place.name, wish.use);
    if (!made && made.error().is(mailbox::kUseTaken)) made = co_await mail_->create(place.name);
    const MailboxId id = CO_TRY(std::move(made)).id;
    if (wish.subscription != Subscription::off)
      CO_TRY(co_await mail_->subscribe(place.name, mailbox::AccountMail::Subscription::on));
    co_return id;
  }

  // --- what came before ----------------------------------------------------------------------------------------------

  io::Task<Result<>> tell_known(std::vector<Fingerprint> asked) {
    const std::string answer = CO_TRY(co_await known_at(desk_, std::move(asked)));
    co_return co_await io::write_all(stream_, frame(Kind::are_known, answer));
  }

  /// Behind all that came before it.
  io::Task<Result<>> remember(std::vector<Fingerprint> names) {
    CO_TRY(co_await send_load());
    CO_TRY(co_await settle());
    co_return co_await note_at(desk_, std::move(names), 0);
  }

  // --- messages ------------------------------------------------------------------------------------------------------

  io::Task<Result<>> take_octets(std::string_view octets) {
    if (!refusal_.empty()) co_return Result<>();
    if (!intake_) {
      if (!desk_.tablet.accepting()) co_return fail(kRefusedNow, "the store has no room for mail at this moment");
      intake_ = desk_.mail.intake(mailbox::Arrival::ordinary);
    }
    if (auto taken = intake_->append(octets); !taken) co_return refuse_message(std::move(taken).error());
    if (!intake_->full()) co_return Result<>();
    if (auto drained = co_await intake_->drain(); !drained) co_return refuse_message(std::move(drained).error());
    co_return Result<>();
  }

  /// This message alone, unless it is the store that fails.
  Result<> refuse_message(Error error) {
    if (error.temporary()) return std::unexpected(std::move(error));
    refusal_ = error.text().empty() ? "refused" : error.text();
    intake_.reset();
    return {};
  }

  io::Task<Result<>> take_end(MessageEnd end) {
    const auto target = targets_.find(end.handle);
    if (target == targets_.end()) co_return fail(kTalkEnded, "a message for a mailbox that was not asked for");
    if (refusal_.empty() && !intake_) intake_ = desk_.mail.intake(mailbox::Arrival::ordinary);
    mailbox::ContentPtr content;
    if (refusal_.empty()) {
      auto finished = co_await intake_->finish();
      if (finished)
        content = *std::move(finished);
      else
        CO_TRY(refuse_message(std::move(finished).error()));
    }
    intake_.reset();
    if (!content) {
      note(end.number, std::exchange(refusal_, {}), Message::refused);
      co_return Result<>();
    }
    Arrived arrived{.item = {.content = std::move(content), .flags = std::move(end.flags), .received = std::nullopt},
                    .number = end.number,
                    .fingerprint = end.fingerprint,
                    .also = std::move(end.also)};
    if (end.received) arrived.item.received = WallTime::from_seconds(*end.received);
    arrived.item.zone_minutes = end.zone_minutes;
    if (load_.mailbox != target->second) CO_TRY(co_await send_load());
    load_.mailbox = target->second;
    load_.octets += arrived.item.content->octets ? arrived.item.content->size() : 0;
    load_.messages.push_back(std::move(arrived));
    if (load_.messages.size() == kBatchMessages || load_.octets >= kBatchOctets) co_return co_await send_load();
    co_return Result<>();
  }

  enum class Message : std::uint8_t { taken, refused };
  void note(std::uint64_t number, std::string words, Message message) {
    notes_ += encode(Note{.number = number, .words = std::move(words)});
    if (message == Message::taken) return;
    ++counts_.refused;
    ++counts_.settled;
  }

  // --- batches -------------------------------------------------------------------------------------------------------

  io::Task<Result<>> settle() {
    while (committing_) co_await committed_.wait();
    if (failure_) co_return std::unexpected(*failure_);
    co_return Result<>();
  }

  /// Starts the batch when the one before it is done, so that one is made while the other is written.
  io::Task<Result<>> send_load() {
    if (load_.messages.empty()) co_return Result<>();
    CO_TRY(co_await settle());
    committing_ = true;
    Load load = std::exchange(load_, Load{});
    if (!io::Loop::current().spawn(commit(std::move(load)))) {
      committing_ = false;
      co_return fail(kOutOfMemory, "no memory for a batch");
    }
    co_return Result<>();
  }

  io::Task<> commit(Load load) {
    if (auto outcome = co_await append(std::move(load)); !outcome) failure_ = std::move(outcome).error();
    committing_ = false;
    committed_.set();
  }

  io::Task<Result<>> append(Load load) {
    for (int attempt = 1; !load.messages.empty(); ++attempt) {
      auto outcome = co_await append_once(load);
      if (outcome) {
        counts_.imported += load.messages.size();
        counts_.settled += load.messages.size();
        co_return Result<>();
      }
      if (outcome.error().is(store::kExpectation) && attempt < kAttempts) {
        CO_TRY(co_await leave_known_out(load));
      } else if (!may_be_refused(outcome.error())) {
        co_return outcome;
      } else if (load.messages.size() > 1) {
        co_return co_await append_each(std::move(load));
      } else {
        co_return co_await append_less(std::move(load), std::move(outcome).error());
      }
    }
    co_return Result<>();
  }

  io::Task<Result<>> append_once(const Load& load) {
    if (mail_->stale()) mail_ = CO_TRY(co_await desk_.mail.account(desk_.account));
    store::Batch also;
    std::vector<mailbox::AppendItem> items;
    for (const Arrived& arrived : load.messages) {
      note_message(desk_.account, arrived.fingerprint, load.mailbox, also);
      for (const Fingerprint& name : arrived.also) note_name(desk_.account, name, load.mailbox, also);
      items.push_back(arrived.item);
    }
    auto appended = co_await mail_->append(load.mailbox, std::move(items), std::move(also));
    if (!appended) co_return std::unexpected(std::move(appended).error());
    co_return Result<>();
  }

  /// By what it is, not by the state of the store or the server.
  static bool may_be_refused(const Error& error) {
    return error.is(mailbox::kTooMany) || error.is(mailbox::kBadKeyword) || error.is(mailbox::kOverQuota) ||
           error.is(store::kTooLarge);
  }

  /// Somebody else brings the same source, or a message stands in the batch twice.
  io::Task<Result<>> leave_known_out(Load& load) {
    std::vector<Fingerprint> asked;
    for (const Arrived& arrived : load.messages) asked.push_back(arrived.fingerprint);
    const std::string answer = CO_TRY(co_await known_at(desk_, std::move(asked)));
    std::vector<Arrived> left;
    std::vector<Fingerprint> names;
    for (std::size_t i = 0; i < answer.size(); ++i) {
      if (answer[i] == 0)
        left.push_back(std::move(load.messages[i]));
      else
        std::ranges::copy(load.messages[i].also, std::back_inserter(names));
    }
    if (left.size() == load.messages.size())
      co_return fail(kBroken, "the ledger of what was imported contradicts itself");
    // What came in under another name is known by this one, too, from now on.
    CO_TRY(co_await note_at(desk_, std::move(names), load.mailbox));
    counts_.known += load.messages.size() - left.size();
    counts_.settled += load.messages.size() - left.size();
    load.messages = std::move(left);
    co_return Result<>();
  }

  io::Task<Result<>> append_each(Load load) {
    for (Arrived& arrived : load.messages) {
      Load single{.mailbox = load.mailbox, .octets = 0, .messages = {}};
      single.messages.push_back(std::move(arrived));
      CO_TRY(co_await append(std::move(single)));
    }
    co_return Result<>();
  }

  /// One message that was refused: a mailbox takes no further keywords, but the message.
  io::Task<Result<>> append_less(Load load, Error why) {
    Arrived& arrived = load.messages.front();
    if (why.is(mailbox::kOverQuota))
      co_return fail(kRefused,
                     why.text() + "; raise it with: angarium account set ADDRESS --quota SIZE, and run this again");
    if (arrived.item.flags.keywords.empty()) {
      note(arrived.number, why.text(), Message::refused);
      co_return Result<>();
    }
    note(arrived.number, "it came without its keywords: " + why.text(), Message::taken);
    arrived.item.flags.keywords.clear();
    co_return co_await append(std::move(load));
  }

  io::Stream& stream_;
  Desk desk_;
  FrameStream frames_;
  mailbox::AccountMailPtr mail_;
  std::map<std::uint64_t, MailboxId> targets_;
  std::unique_ptr<mailbox::Intake> intake_;
  std::string refusal_;  ///< of the message that arrives
  Load load_;
  bool committing_ = false;
  io::Event committed_;
  std::optional<Error> failure_;
  Counts counts_;
  std::uint64_t told_ = 0;
  std::string notes_;
};

}  // namespace

io::Task<> receive(io::Stream& stream, Desk desk) {
  Receiver receiver(stream, desk);
  co_await receiver.run();
}

}  // namespace angarium::transfer
