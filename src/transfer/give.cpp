#include "transfer/give.h"

#include <algorithm>
#include <vector>

#include "io/loop.h"
#include "transfer/frame_stream.h"
#include "transfer/ledger_desk.h"

namespace angarium::transfer {
namespace {

/// Octets of a message that are read at once; whole chunks of the store.
constexpr std::size_t kReadAtOnce = 256u << 10;
/// Octets that are gathered before they are sent.
constexpr std::size_t kSendAtOnce = 256u << 10;

class Giver {
 public:
  Giver(io::Stream& stream, Desk desk) : stream_(stream), desk_(desk), frames_(stream) {}

  io::Task<> run() {
    auto outcome = co_await talk();
    if (outcome || outcome.error().is(io::kEndOfStream) || outcome.error().is(io::kReset)) co_return;
    (void)co_await io::write_all(
        stream_, encode(Failure{.temporary = outcome.error().temporary(), .words = outcome.error().text()}));
  }

 private:
  io::Task<Result<>> talk() {
    mail_ = CO_TRY(co_await desk_.mail.account(desk_.account));
    while (true) {
      stream_.set_deadline(io::Loop::current().now() + kTalkPatience);
      if (!CO_TRY(frames_.ready())) {
        CO_TRY(co_await frames_.more());
        continue;
      }
      CO_TRY(co_await answer(frames_.kind(), std::string(frames_.payload())));
      frames_.drop();
      out_ += frame(Kind::over);
      CO_TRY(co_await flush());
    }
  }

  io::Task<Result<>> answer(Kind kind, std::string payload) {
    if (mail_->stale()) mail_ = CO_TRY(co_await desk_.mail.account(desk_.account));
    if (kind == Kind::list) co_return list();
    if (kind == Kind::known) {
      auto asked = CO_TRY(decode_fingerprints(payload));
      const auto known = CO_TRY(co_await known_at(desk_, std::move(asked)));
      out_ += frame(Kind::are_known, known);
      co_return Result<>();
    }
    if (kind == Kind::remember) {
      auto names = CO_TRY(decode_fingerprints(payload));
      co_return co_await note_at(desk_, std::move(names), 0);
    }
    if (kind != Kind::uids && kind != Kind::fetch)
      co_return fail(kTalkEnded, "the other end of the talk said what makes no sense");
    const auto [number, rest] = CO_TRY(decode_number(payload));
    const auto view = CO_TRY(co_await mail_->view(static_cast<mailbox::MailboxId>(number)));
    if (kind == Kind::uids) {
      std::string set;
      view->uids().encode(set);
      for (std::string_view left = set; !left.empty(); left.remove_prefix(std::min(left.size(), kPayloadMax)))
        out_ += frame(Kind::piece, left.substr(0, kPayloadMax));
      co_return Result<>();
    }
    const mailbox::UidSet wanted = CO_TRY(mailbox::UidSet::decode(rest));
    std::vector<std::uint32_t> sequences;
    view->for_each(wanted, [&](std::uint32_t sequence, const mailbox::Entry&) { sequences.push_back(sequence); });
    for (const std::uint32_t sequence : sequences) {
      auto given = co_await give_message(*view, view->at(sequence));
      if (given) continue;
      if (stream_broke_) co_return given;
      out_ += encode(Note{.number = view->at(sequence).uid, .words = given.error().text()});
    }
    co_return Result<>();
  }

  Result<> list() {
    for (const mailbox::MailboxInfo& info : mail_->listing()->mailboxes) {
      if (!info.selectable) continue;
      const mailbox::Status status = TRY(mail_->status(info.id));
      out_ += encode(ListedMailbox{.id = info.id,
                                   .uid_validity = info.uid_validity,
                                   .use = info.use,
                                   .messages = status.messages,
                                   .octets = status.octets,
                                   .name = info.name});
    }
    return {};
  }

  io::Task<Result<>> give_message(const mailbox::View& view, const mailbox::Entry& entry) {
    const mailbox::EmailPtr email = CO_TRY(co_await mail_->email(entry.email));
    MessageHeader header{.uid = entry.uid,
                         .received = entry.date,
                         .zone_minutes = static_cast<int>(entry.zone) * 15,
                         .size = (*email)->prepended.size() + (*email)->body_length(),
                         .flags = {.system = entry.flags(), .keywords = {}}};
    view.keywords_of(entry).for_each(
        [&](std::uint16_t index) { header.flags.keywords.push_back(view.keywords().name(index)); });
    out_ += encode(header);
    put((*email)->prepended);
    for (std::uint64_t at = 0; at < (*email)->body_length(); at += kReadAtOnce) {
      put(CO_TRY(co_await mail_->read_stored(email, at, kReadAtOnce)));
      if (out_.size() >= kSendAtOnce) CO_TRY(co_await flush());
    }
    out_ += frame(Kind::whole);
    if (out_.size() >= kSendAtOnce) CO_TRY(co_await flush());
    co_return Result<>();
  }

  void put(std::string_view octets) {
    for (; !octets.empty(); octets.remove_prefix(std::min(octets.size(), kPayloadMax)))
      out_ += frame(Kind::piece, octets.substr(0, kPayloadMax));
  }

  io::Task<Result<>> flush() {
    stream_.set_deadline(io::Loop::current().now() + kTalkPatience);
    const auto sent = co_await io::write_all(stream_, out_);
    out_.clear();
    stream_broke_ = !sent;
    co_return sent;
  }

  io::Stream& stream_;
  Desk desk_;
  FrameStream frames_;
  mailbox::AccountMailPtr mail_;
  std::string out_;
  bool stream_broke_ = false;
};

}  // namespace

io::Task<> give(io::Stream& stream, Desk desk) {
  Giver giver(stream, desk);
  co_await giver.run();
}

}  // namespace angarium::transfer
