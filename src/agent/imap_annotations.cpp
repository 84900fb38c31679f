// Annotations (RFC 5464) of a logged-in user's mailboxes.
#include "agent/imap_account.h"
#include "mailbox/limits.h"
#include "protocol/imap/error.h"
#include "protocol/imap/limits.h"

namespace angarium::agent {
namespace {

namespace imap = protocol::imap;

static_assert(imap::kAnnotationMax == mailbox::kMetadataValueMax &&
                  imap::kAnnotationNameMax == mailbox::kMetadataNameMax &&
                  imap::kAnnotationsMax == mailbox::kMetadataEntriesMax,
              "what the one takes the other must keep");

void add(std::vector<imap::Annotation>& all, std::vector<mailbox::Metadata> found) {
  for (mailbox::Metadata& entry : found) all.push_back({std::move(entry.name), std::move(entry.value)});
}

/// What others changed in one account.
class Watching final : public imap::AnnotationWatch {
 public:
  Watching(mailbox::MailboxStore& store, mailbox::AccountMailPtr mail, std::uint64_t author, io::Event& event)
      : store_(store), mail_(std::move(mail)), author_(author), event_(event) {
    begin();
  }

  std::vector<imap::AnnotationChange> take() override {
    renew();
    // The bit first, then the news: a change in between sets it anew.
    (void)watch_->take();
    mailbox::MetadataNews news = mail_->metadata_news(seen_);
    seen_ = news.seen;
    std::vector<imap::AnnotationChange> changes;
    const mailbox::ListingPtr listing = mail_->listing();
    for (mailbox::MetadataChange& change : news.changes) {
      const bool known = change.owner == mailbox::kEverybody || change.owner == mail_->id();
      const mailbox::MailboxInfo* const info = listing->find(change.mailbox);
      if (change.author == author_ || !known || (change.mailbox != 0 && info == nullptr)) continue;
      changes.push_back({info == nullptr ? std::string() : info->name, std::move(change.name)});
    }
    return changes;
  }

 private:
  void begin() {
    seen_ = mail_->metadata_seen();
    watch_ = mail_->watch(0, [told = &event_] { told->set_from_any_thread(); });
  }
  /// After a failure of the store the account is another object.
  void renew() {
    if (!mail_->stale()) return;
    auto mail = store_.account_now(mail_->id());
    if (!mail || mail->stale()) return;
    mail_ = std::move(mail);
    begin();
  }

  mailbox::MailboxStore& store_;
  mailbox::AccountMailPtr mail_;
  std::uint64_t author_;
  io::Event& event_;
  std::uint64_t seen_ = 0;
  std::unique_ptr<mailbox::Watch> watch_;
};

/// For guests.
class HearsNothing final : public imap::AnnotationWatch {
 public:
  std::vector<imap::AnnotationChange> take() override { return {}; }
};

}  // namespace

Result<mailbox::MailboxId> ImapAccount::annotated(const std::string& name) const {
  if (name.empty()) return mailbox::MailboxId{0};
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* const info = listing->find(name);
  if (info == nullptr || !visible(name)) return fail(imap::kNonExistent, "There is no such mailbox");
  return info->id;
}

io::Task<Result<std::vector<imap::Annotation>>> ImapAccount::annotations(std::string name) {
  CO_TRY(co_await renew());
  const mailbox::MailboxId mailbox = CO_TRY(annotated(name));
  std::vector<imap::Annotation> all;
  // RFC 5464 §3.2.1.1: whom to ask; nobody can change it.
  if (name.empty())
    all.push_back({"/shared/admin", std::make_shared<const std::string>("mailto:postmaster@" +
                                                                        address_.substr(address_.rfind('@') + 1))});
  // Guests have no notes of their own, and those of the account's owner are private.
  if (!guest_) add(all, mail_->metadata(mailbox, notes_of()));
  add(all, mail_->metadata(mailbox, mailbox::kEverybody));
  co_return all;
}

io::Task<Result<void>> ImapAccount::annotate(std::string name, std::vector<imap::Annotation> changes) {
  CO_TRY(may_change());
  CO_TRY(co_await renew());
  const mailbox::MailboxId mailbox = CO_TRY(annotated(name));
  std::vector<mailbox::AccountMail::MetadataItem> items;
  for (imap::Annotation& change : changes) {
    const bool own = imap::is_private(change.entry);
    if (name.empty() && !own) co_return fail(imap::kNoPermission, "The server's entries are the administrator's");
    items.push_back({own ? notes_of() : mailbox::kEverybody, {std::move(change.entry), std::move(change.value)}});
  }
  auto set = co_await mail_->set_metadata(mailbox, std::move(items), session_);
  if (!set) co_return std::unexpected(imap_error(std::move(set).error()));
  co_return Result<void>();
}

std::unique_ptr<imap::AnnotationWatch> ImapAccount::watch_annotations(io::Event& event) {
  if (guest_) return std::make_unique<HearsNothing>();
  return std::make_unique<Watching>(services_.mail(), mail_, session_, event);
}

}  // namespace angarium::agent
