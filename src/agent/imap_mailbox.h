// A selected mailbox: the port's Mailbox over the mailbox room's views.
#pragma once

#include <memory>
#include <string>

#include "agent/imap_search.h"
#include "mailbox/ascii_email.h"
#include "mailbox/mailbox.h"
#include "protocol/imap/backend.h"

namespace angarium::agent {

class TextCollector;

protocol::imap::NumberSet imap_set(const mailbox::UidSet& uids);
mailbox::UidSet uid_set(const protocol::imap::NumberSet& numbers);

/// The mailbox room's view as IMAP reads it.
class ImapView final : public protocol::imap::View {
 public:
  explicit ImapView(mailbox::ViewPtr view) : view_(std::move(view)) {}
  [[nodiscard]] std::size_t size() const override { return view_->size(); }
  std::size_t read(std::size_t index, std::span<protocol::imap::Entry> into) const override;
  [[nodiscard]] std::size_t lower_bound(std::uint32_t uid) const override { return view_->lower_bound(uid) - 1; }
  [[nodiscard]] std::size_t first_unseen() const override;
  [[nodiscard]] std::uint64_t highest_modseq() const override { return view_->numbers().highest_modseq; }
  [[nodiscard]] std::uint32_t uid_next() const override { return view_->numbers().uid_next; }
  [[nodiscard]] std::span<const std::string> keywords() const override { return view_->keywords().names(); }
  [[nodiscard]] std::vector<std::uint16_t> spilled_keywords(const protocol::imap::Entry& entry) const override;
  [[nodiscard]] bool keywords_can_be_made() const override { return view_->keywords().vacancy().has_value(); }
  [[nodiscard]] const mailbox::ViewPtr& inner() const { return view_; }

 private:
  mailbox::ViewPtr view_;
};

/// Of one session; on its loop. `reader`: the identifiers of who is not its owner. `tablet`: where mail and index lie.
class ImapMailbox final : public protocol::imap::Mailbox {
 public:
  /// Guests make none, not even of what they may read.
  enum class Copies : std::uint8_t { allowed, refused };
  ImapMailbox(Searching& searching, store::Tablet& tablet, mailbox::MailboxStore& store, mailbox::AccountMailPtr mail,
              mailbox::MailboxInfo info, mailbox::ViewPtr view, protocol::imap::Access access,
              Copies copies = Copies::allowed, std::vector<std::string> reader = {});

  [[nodiscard]] const protocol::imap::MailboxFacts& facts() const override { return facts_; }
  [[nodiscard]] std::string name() const override;
  io::ValueOrTask<Result<void>> renew() override;
  [[nodiscard]] std::shared_ptr<const protocol::imap::View> view() const override;
  [[nodiscard]] protocol::imap::Delta delta(const protocol::imap::View& from,
                                            const protocol::imap::View& to) const override;
  [[nodiscard]] protocol::imap::UrlKeyState url_key() const override;
  std::uint32_t recent_above(std::uint32_t uid) override;
  std::unique_ptr<protocol::imap::Watcher> watch(io::Event& event) override;
  io::Task<Result<protocol::imap::StoreOutcome>> store(protocol::imap::StoreRequest request) override;
  io::Task<Result<protocol::imap::NumberSet>> expunge(std::optional<protocol::imap::NumberSet> uids) override;
  io::Task<Result<protocol::imap::CopyOutcome>> copy(protocol::imap::NumberSet uids, std::string target,
                                                     protocol::imap::CopyMode mode) override;
  [[nodiscard]] protocol::imap::Rights rights() const override;
  io::Task<Result<protocol::imap::CopyOutcome>> copy_to(protocol::imap::NumberSet uids,
                                                        protocol::imap::Account& account, std::string target,
                                                        protocol::imap::CopyMode mode,
                                                        protocol::imap::KeptFlags kept) override;
  io::Task<Result<protocol::imap::NumberSet>> vanished(std::uint64_t modseq, protocol::imap::NumberSet known) override;
  io::ValueOrTask<Result<protocol::imap::TextBatch>> texts(std::span<const protocol::imap::Entry> messages,
                                                           std::uint32_t wanted, message::ImapForm form) override;
  io::ValueOrTask<Result<protocol::imap::Octets>> read(const protocol::imap::Entry& message, message::ImapForm form,
                                                       std::uint64_t offset, std::uint64_t count) override;
  io::ValueOrTask<Result<std::shared_ptr<const message::Structure>>> structure(const protocol::imap::Entry& message,
                                                                               message::ImapForm form) override;
  io::Task<Result<std::vector<char>>> match(std::span<const protocol::imap::Entry> messages,
                                            protocol::imap::TextKey key) override;
  io::Task<Result<std::shared_ptr<const protocol::imap::Candidates>>> candidates(protocol::imap::TextKey key) override;

 private:
  struct Watched;
  class Watching;

  io::Task<Result<void>> load();
  io::Task<Result<protocol::imap::TextBatch>> read_texts(std::span<const protocol::imap::Entry> messages,
                                                         std::uint32_t wanted, message::ImapForm form);
  io::Task<Result<>> read_references(TextCollector& collector, std::span<const protocol::imap::Entry> messages);
  io::Task<Result<>> read_previews(TextCollector& collector, std::span<const protocol::imap::Entry> messages);
  /// What of an email is read: most have no form of their own for readers without UTF-8.
  enum class Form : std::uint8_t { original, ascii };
  static Form form_of(const protocol::imap::Entry& message, message::ImapForm form) {
    return message.ascii_form && form == message::ImapForm::ascii ? Form::ascii : Form::original;
  }
  [[nodiscard]] bool held(std::uint64_t email) const { return last_ && (*last_)->id == email; }
  void hold(mailbox::EmailPtr email) {
    last_ = std::move(email);
    ascii_ = nullptr;
  }
  /// Makes it the email read last; with its ASCII form, if that is wanted.
  io::Task<Result<>> hold(std::uint64_t email, Form form);
  /// The same from memory; false: not there.
  bool hold_now(std::uint64_t email, Form form);
  io::Task<Result<protocol::imap::Octets>> read_waiting(std::uint64_t email, Form form, message::Range wanted);
  io::Task<Result<std::shared_ptr<const message::Structure>>> structure_waiting(std::uint64_t email, Form form);
  // Of the email read last.
  [[nodiscard]] message::AsciiForm::Stretch stretch_of(Form form, message::Range wanted) const;
  [[nodiscard]] Result<std::shared_ptr<const message::Structure>> structure_of(Form form) const;
  [[nodiscard]] SearchedMail searched() const;
  /// Turn by turn, one after the other.
  io::Task<Result<std::vector<char>>> match_run(std::span<const protocol::imap::Entry> messages,
                                                protocol::imap::TextKey key,
                                                std::shared_ptr<const TextMatcher> matcher);
  void log_damage(const protocol::imap::Entry& message, const Error& error) const;

  Searching& searching_;
  store::Tablet& tablet_;
  mailbox::MailboxStore& store_;
  mailbox::AccountMailPtr mail_;  ///< another object after a failure of the store
  mailbox::MailboxInfo info_;
  protocol::imap::MailboxFacts facts_;
  mutable std::shared_ptr<const ImapView> view_;
  std::weak_ptr<Watched> watched_;  ///< owned by the Watcher the session holds
  Copies copies_;
  std::vector<std::string> reader_;
  bool gone_ = false;
  mailbox::EmailPtr last_;       ///< the email read last: FETCH asks for pieces of one after another
  mailbox::AsciiFormPtr ascii_;  ///< of `last_`, once it was wanted
};

}  // namespace angarium::agent
