// A selected mailbox as its user may use it (RFC 4314 §4): one's own, or somebody else's.
#pragma once

#include <memory>
#include <string>

#include "protocol/imap/sharing.h"

namespace angarium::protocol::imap {

class JudgedMailbox final : public Mailbox {
 public:
  JudgedMailbox(std::shared_ptr<SharingAccount> account, SharingAccount::Place place, std::shared_ptr<Mailbox> inner);

  [[nodiscard]] const MailboxFacts& facts() const override { return facts_; }
  [[nodiscard]] std::string name() const override;
  io::ValueOrTask<Result<void>> renew() override { return inner_->renew(); }
  /// Null as well when this user may not read it any more.
  [[nodiscard]] std::shared_ptr<const View> view() const override;
  [[nodiscard]] Delta delta(const View& from, const View& to) const override { return inner_->delta(from, to); }
  std::uint32_t recent_above(std::uint32_t uid) override { return inner_->recent_above(uid); }
  std::unique_ptr<Watcher> watch(io::Event& event) override { return inner_->watch(event); }
  /// Of somebody else's nothing is known of keys.
  [[nodiscard]] UrlKeyState url_key() const override { return place_.own() ? inner_->url_key() : UrlKeyState{}; }
  [[nodiscard]] Rights rights() const override { return inner_->rights(); }
  io::Task<Result<StoreOutcome>> store(StoreRequest request) override;
  io::Task<Result<NumberSet>> expunge(std::optional<NumberSet> uids) override;
  io::Task<Result<CopyOutcome>> copy(NumberSet uids, std::string target, CopyMode mode) override;
  io::Task<Result<CopyOutcome>> copy_to(NumberSet uids, Account& account, std::string target, CopyMode mode,
                                        KeptFlags kept) override;
  io::Task<Result<NumberSet>> vanished(std::uint64_t modseq, NumberSet known) override;
  io::ValueOrTask<Result<TextBatch>> texts(std::span<const Entry> messages, std::uint32_t wanted,
                                           message::ImapForm form) override;
  io::ValueOrTask<Result<Octets>> read(const Entry& message, message::ImapForm form, std::uint64_t offset,
                                       std::uint64_t count) override {
    if (!readable()) return Result<Octets>(unreadable());
    return inner_->read(message, form, offset, count);
  }
  io::ValueOrTask<Result<std::shared_ptr<const message::Structure>>> structure(const Entry& message,
                                                                               message::ImapForm form) override {
    if (!readable()) return Result<std::shared_ptr<const message::Structure>>(unreadable());
    return inner_->structure(message, form);
  }
  io::Task<Result<std::vector<char>>> match(std::span<const Entry> messages, TextKey key) override;
  io::Task<Result<std::shared_ptr<const Candidates>>> candidates(TextKey key) override;

 private:
  /// Judged again by whatever tells of contents: the right may be taken away while a command is at work.
  [[nodiscard]] bool readable() const { return place_.own() || (rights() & kRightRead) != 0; }
  [[nodiscard]] std::unexpected<Error> unreadable() const { return missing_right(rights() | kRightLookup); }
  io::Task<Result<StoreOutcome>> store_some(StoreRequest request, KeptFlags permitted);
  io::Task<Result<TextBatch>> texts_with_ids(std::span<const Entry> messages, std::uint32_t wanted,
                                             message::ImapForm form);

  std::shared_ptr<SharingAccount> account_;
  SharingAccount::Place place_;
  std::shared_ptr<Mailbox> inner_;
  MailboxFacts facts_;
};

}  // namespace angarium::protocol::imap
