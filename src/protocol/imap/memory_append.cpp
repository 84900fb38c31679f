#include "protocol/imap/memory_append.h"

#include <algorithm>

#include "message/binary_parts.h"
#include "protocol/imap/memory_mailbox.h"

namespace angarium::protocol::imap {

Result<AppendOutcome> arrive(MemoryAccountState& account, MemoryMailboxState& mailbox,
                             const std::vector<Arrival>& arrivals) {
  auto entries = mailbox.entries();
  auto names = mailbox.keywords();
  auto uid = mailbox.view->uid_next();
  AppendOutcome outcome{.uid_validity = mailbox.uid_validity, .uids = {}};
  for (const auto& arrival : arrivals) {
    const auto size = static_cast<std::uint32_t>(arrival.email->octets.size());
    const auto& ascii = arrival.email->ascii_form;
    entries.push_back({.email = arrival.email->id,
                       .modseq = account.modseq + 1,
                       .keywords = TRY(keyword_bits(names, arrival.flags.keywords)),
                       .date = arrival.date,
                       .saved = account.now.seconds(),
                       .size = size,
                       .ascii_size = ascii ? static_cast<std::uint32_t>(ascii->octets.size()) : 0,
                       .uid = uid,
                       .flags = arrival.flags.system,
                       .ascii_form = ascii.has_value()});
    account.octets += size;
    outcome.uids.add(uid++);
  }
  mailbox.publish(std::move(entries), uid, ++account.modseq, std::move(names));
  return outcome;
}

namespace {

/// What came by literal8, in a form that every reader may have (RFC 3516 §4.3).
Result<std::string> without_binary_parts(std::string_view octets) {
  message::BinaryPartsWriter writer;
  std::string rewritten;
  TRY(writer.feed(octets, rewritten));
  TRY(writer.finish(rewritten));
  return rewritten;
}

class MemoryAppend final : public Append {
 public:
  MemoryAppend(std::shared_ptr<MemoryAccountState> account, std::shared_ptr<MemoryMailboxState> mailbox,
               std::shared_ptr<MemoryMailboxState> source, std::uint32_t replaced)
      : account_(std::move(account)), mailbox_(std::move(mailbox)), source_(std::move(source)), replaced_(replaced) {}

  io::Task<Result<void>> begin(AppendMessage message) override {
    CO_TRY(account_->take_trouble());
    octets_ += message.size.value_or(0);
    CO_TRY(room());
    auto names = mailbox_->keywords();
    CO_TRY(keyword_bits(names, message.flags.keywords));
    messages_.push_back(std::move(message));
    bodies_.emplace_back();
    co_return Result<void>{};
  }

  io::ValueOrTask<Result<void>> write(std::string_view octets) override {
    bodies_.back() += octets;
    return Result<void>{};
  }

  io::Task<Result<AppendOutcome>> commit() override {
    CO_TRY(account_->take_trouble());
    if (mailbox_->deleted) co_return fail(kTryCreate, "The mailbox was deleted");
    if (source_ != nullptr && !old()) co_return fail(kExpungeIssued, "The message is not there any more");
    octets_ = 0;
    for (const auto& body : bodies_) octets_ += body.size();
    CO_TRY(room());
    std::vector<Arrival> arrivals;
    for (std::size_t i = 0; i < messages_.size(); ++i) {
      if (messages_[i].form != AppendMessage::Form::plain) bodies_[i] = CO_TRY(without_binary_parts(bodies_[i]));
      arrivals.push_back({.email = account_->keep(std::move(bodies_[i])),
                          .flags = messages_[i].flags,
                          .date = messages_[i].internal_date.value_or(InternalDate{account_->now.seconds()})});
    }
    auto outcome = arrive(*account_, *mailbox_, arrivals);
    NumberSet gone;
    gone.add(replaced_);
    if (outcome && source_ != nullptr) MemoryMailbox(account_, source_, Access::read_write).remove(gone);
    co_return outcome;
  }

 private:
  [[nodiscard]] std::optional<Entry> old() const {
    if (source_ == nullptr || source_->deleted) return std::nullopt;
    for (const auto& entry : source_->entries())
      if (entry.uid == replaced_) return entry;
    return std::nullopt;
  }
  [[nodiscard]] Result<void> room() const {
    const auto gone = old();
    const auto less = gone ? gone->size : 0;
    if (account_->octets + octets_ > account_->quota + std::min<std::uint64_t>(less, UINT64_MAX - account_->quota))
      return fail(kOverQuota, "Over quota");
    return {};
  }

  std::shared_ptr<MemoryAccountState> account_;
  std::shared_ptr<MemoryMailboxState> mailbox_;
  std::shared_ptr<MemoryMailboxState> source_;
  std::uint32_t replaced_;
  std::vector<AppendMessage> messages_;
  std::vector<std::string> bodies_;
  std::uint64_t octets_ = 0;
};

}  // namespace

std::unique_ptr<Append> memory_append(std::shared_ptr<MemoryAccountState> account,
                                      std::shared_ptr<MemoryMailboxState> mailbox,
                                      std::shared_ptr<MemoryMailboxState> source, std::uint32_t replaced) {
  return std::make_unique<MemoryAppend>(std::move(account), std::move(mailbox), std::move(source), replaced);
}

}  // namespace angarium::protocol::imap
