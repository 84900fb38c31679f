// The selected-state part of the memory body.
#pragma once

#include "protocol/imap/memory_backend.h"

namespace angarium::protocol::imap {

/// Keywords of one mailbox: as many as an entry has bits.
inline constexpr std::size_t kMemoryKeywordsMax = 64;

/// Of so many emails one has no preview ready: what is asked for lazily is NIL there.
inline constexpr std::uint64_t kMemoryLazyEvery = 3;

class MemoryView : public View {
 public:
  std::vector<Entry> entries;
  std::vector<std::string> names;
  std::uint32_t next = 1;
  std::uint64_t modseq = 1;

  [[nodiscard]] std::size_t size() const override { return entries.size(); }
  std::size_t read(std::size_t index, std::span<Entry> into) const override;
  [[nodiscard]] std::size_t lower_bound(std::uint32_t uid) const override;
  [[nodiscard]] std::uint64_t highest_modseq() const override { return modseq; }
  [[nodiscard]] std::uint32_t uid_next() const override { return next; }
  [[nodiscard]] std::span<const std::string> keywords() const override { return names; }
  [[nodiscard]] bool keywords_can_be_made() const override { return names.size() < kMemoryKeywordsMax; }
};

/// The bits of keywords by name; new ones are added to `names`. kLimit when there is no room.
Result<std::uint64_t> keyword_bits(std::vector<std::string>& names, const std::vector<std::string>& wanted);

/// An account of this body, whose state copies go into.
class MemoryAccountOf : public Account {
 public:
  explicit MemoryAccountOf(std::shared_ptr<MemoryAccountState> state) : state_(std::move(state)) {}
  [[nodiscard]] MemoryAccountState& state() const { return *state_; }

 protected:
  std::shared_ptr<MemoryAccountState> state_;
};

class MemoryMailbox : public Mailbox {
 public:
  /// `reader`: the identifiers of who is not its owner.
  MemoryMailbox(std::shared_ptr<MemoryAccountState> account, std::shared_ptr<MemoryMailboxState> state, Access access,
                std::vector<std::string> reader = {});
  [[nodiscard]] const MailboxFacts& facts() const override { return facts_; }
  [[nodiscard]] std::string name() const override;
  [[nodiscard]] std::shared_ptr<const View> view() const override { return state_->deleted ? nullptr : state_->view; }
  std::uint32_t recent_above(std::uint32_t uid) override;
  std::unique_ptr<Watcher> watch(io::Event& event) override;
  [[nodiscard]] UrlKeyState url_key() const override {
    return {.kept = state_->url_key.has_value(), .removed = state_->url_keys_removed};
  }
  io::Task<Result<StoreOutcome>> store(StoreRequest request) override;
  io::Task<Result<NumberSet>> expunge(std::optional<NumberSet> uids) override;
  io::Task<Result<CopyOutcome>> copy(NumberSet uids, std::string target, CopyMode mode) override;
  [[nodiscard]] Rights rights() const override { return state_->rights_of(reader_); }
  io::Task<Result<CopyOutcome>> copy_to(NumberSet uids, Account& account, std::string target, CopyMode mode,
                                        KeptFlags kept) override;
  io::Task<Result<NumberSet>> vanished(std::uint64_t modseq, NumberSet known) override;
  io::ValueOrTask<Result<TextBatch>> texts(std::span<const Entry> messages, std::uint32_t wanted,
                                           message::ImapForm form) override;
  io::ValueOrTask<Result<Octets>> read(const Entry& message, message::ImapForm form, std::uint64_t offset,
                                       std::uint64_t count) override;
  io::ValueOrTask<Result<std::shared_ptr<const message::Structure>>> structure(const Entry& message,
                                                                               message::ImapForm form) override;
  io::Task<Result<std::vector<char>>> match(std::span<const Entry> messages, TextKey key) override;
  NumberSet remove(const NumberSet& uids);
  /// Knows two messages of three, by their UIDs, as an index does that not all is in.
  io::Task<Result<std::shared_ptr<const Candidates>>> candidates(TextKey key) override;

 private:
  [[nodiscard]] std::shared_ptr<const MemoryEmail> email(const Entry& entry) const;

  std::shared_ptr<MemoryAccountState> account_;
  std::shared_ptr<MemoryMailboxState> state_;
  MailboxFacts facts_;
  std::vector<std::string> reader_;
};

}  // namespace angarium::protocol::imap
