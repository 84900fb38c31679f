// The door of the room: the mail of many accounts in one tablet.
//
//     MailboxStore  one a tablet: loads accounts, delivers to several of them by one batch
//     AccountMail   one an account: its mailboxes, what changes them, what reads them
//     View          a mailbox at one moment, immutable (view.h)
//     Watch         somebody who wants to know that something changed
//
// Any loop's thread may call anything here. What gives a Task is awaited on a loop: it never blocks it, and resumes on
// it. A change is acknowledged (its Task gives a value) when it is durable and visible in the views, never earlier.
// Errors: types.h, and those of the store (kStoreFull, kStopped: temporary, nothing was changed or nobody knows).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/pool.h"
#include "io/task.h"
#include "keyring/keys.h"
#include "mailbox/access.h"
#include "mailbox/content.h"
#include "mailbox/email.h"
#include "mailbox/flags.h"
#include "mailbox/name.h"
#include "mailbox/types.h"
#include "mailbox/uid_set.h"
#include "mailbox/view.h"
#include "store/tablet.h"

namespace angarium::mailbox {

/// Special uses (RFC 6154 §2). A new account has one mailbox of each of the first five.
enum class SpecialUse : std::uint8_t { none, drafts, sent, junk, trash, archive, flagged, all };

struct MailboxInfo {
  MailboxId id = 0;
  std::string name;  ///< whole, UTF-8, as canonical_name() gives it
  std::uint32_t uid_validity = 0;
  SpecialUse use = SpecialUse::none;
  bool selectable = true;  ///< false: \Noselect, only a place in the hierarchy
  bool has_children = false;
  AccessListPtr access;  ///< what others may do here; null: nothing
};

/// The mailboxes of an account at one moment, sorted by name with INBOX first, and what is subscribed to. Immutable.
struct Listing {
  std::vector<MailboxInfo> mailboxes;
  std::vector<std::string> subscriptions;  ///< sorted; may name what does not exist (RFC 9051 §6.3.7)
  /// By a name in any spelling that canonical_name() takes.
  [[nodiscard]] const MailboxInfo* find(std::string_view name) const;
  [[nodiscard]] const MailboxInfo* find(MailboxId id) const;
  [[nodiscard]] const MailboxInfo* find(SpecialUse use) const;
  [[nodiscard]] bool subscribed(std::string_view name) const;
};
using ListingPtr = std::shared_ptr<const Listing>;

/// What STATUS tells; needs no view.
struct Status {
  std::uint32_t uid_validity = 0;
  Uid uid_next = 1;
  Modseq highest_modseq = 1;
  std::uint64_t messages = 0;
  std::uint64_t unseen = 0;
  std::uint64_t deleted = 0;
  std::uint64_t recent = 0;  ///< what take_recent() would claim
  std::uint64_t octets = 0;
};

/// 0: no limit.
struct QuotaLimits {
  std::uint64_t octets = 0;
  std::uint64_t messages = 0;
  friend bool operator==(const QuotaLimits&, const QuotaLimits&) = default;
};
struct Quota {
  QuotaLimits limits;
  std::uint64_t octets = 0;  ///< a message counts in each mailbox it is in
  std::uint64_t messages = 0;
};

/// Somebody who wants to know of changes: one dirty bit, no queue. Not told of what happened before watch().
class Watch {
 public:
  /// Stops the hook: it is not called any more when this returns.
  virtual ~Watch() = default;
  /// Whether something changed since the last call; clears the bit. Take it first, then look at views and listings.
  virtual bool take() = 0;
};
/// Called when the bit is set anew, from any thread, under a lock: post to a loop, do nothing else.
using WakeHook = std::function<void()>;

/// A message for append().
struct AppendItem {
  ContentPtr content;
  FlagNames flags;
  std::optional<WallTime> received;  ///< INTERNALDATE; now if not given
  int zone_minutes = 0;              ///< in which it is told again; see zone_quarters()
  std::string prepended{};           ///< trace fields in front of the content's octets, of a message that has some
  std::optional<Origin> origin{};    ///< of a copy out of another account
};
struct AppendResult {
  std::uint32_t uid_validity = 0;
  UidSet uids;  ///< in the order of the items
  Modseq modseq = 0;
};

struct CopyResult {
  std::uint32_t uid_validity = 0;
  /// The n-th of the source became the n-th of the target; empty when no message of the set was there.
  UidSet source;
  UidSet target;
  Modseq modseq = 0;
};

/// Which flags of a message a copy of it in another account's mailbox has.
struct CopiedFlags {
  SystemFlags system = kSystemFlagsAll;
  bool keywords = true;
};

struct FlagOptions {
  /// UNCHANGEDSINCE (RFC 7162 §3.1.3): messages changed later are left alone and named in `modified`.
  std::optional<Modseq> unchanged_since;
};
struct FlagResult {
  UidSet changed;   ///< whose flags are other than before; their MODSEQ is `modseq`
  UidSet modified;  ///< failed UNCHANGEDSINCE
  Modseq modseq = 0;
};

enum class ExpungeOnly {
  deleted,
  any
};  ///< those with \Deleted (EXPUNGE, UID EXPUNGE), or all of the set (POP3, JMAP)
struct ExpungeResult {
  UidSet expunged;
  Modseq modseq = 0;
};

/// A mailbox of an account where a delivery goes.
struct DeliveryTarget {
  std::string mailbox = std::string(kInbox);  ///< one that does not exist or holds no messages: INBOX instead
  FlagNames flags;
};
/// What going over quota by this message means: for one of several SMTP recipients it is taken, an LMTP recipient is
/// refused alone.
enum class OverQuota { refuse, take_one };
struct DeliveryRecipient {
  AccountId account = 0;
  std::string prepended;  ///< Return-Path, Delivered-To, Received: whole lines with CRLF; at most kPrependedMax
  std::vector<DeliveryTarget> targets = {DeliveryTarget{}};
  OverQuota over_quota = OverQuota::refuse;
};
/// What one refused recipient means for the others.
enum class Together {
  each_alone,      ///< nothing
  all_or_nothing,  ///< nobody gets it, and the error is that of the whole
};
struct Delivered {
  EmailId email = 0;
  ThreadId thread = 0;
  MailboxId mailbox = 0;  ///< of the first target
  Uid uid = 0;
};
/// When a message arrived.
struct Received {
  WallTime at;
  int zone_minutes = 0;  ///< in which it is told again; see zone_quarters()
};
struct Delivery {
  ContentPtr content;
  std::vector<DeliveryRecipient> recipients;  ///< each account once
  Together together = Together::each_alone;
  /// Records of other rooms that become durable by the same batch (queue, outbox, trace). Also when no recipient is
  /// left.
  store::Batch also;
  std::optional<Received> received{};  ///< INTERNALDATE; now if not given
  /// Index of the content's octets among the bodies of `also`, when another record there has them, too.
  std::optional<std::size_t> body;
  /// Adds to the batch what tells where each recipient's copy lies (results as deliver() gives them), if anything.
  /// Called once the numbers are taken and before anything is written, under the accounts' locks: brief, without I/O.
  std::function<void(const std::vector<Result<Delivered>>& results, store::Batch& batch)> record;
};

/// What changed in an account after some MODSEQ; for JMAP and for resynchronisation.
struct Change {
  enum class Kind : std::uint8_t { added, flags, expunged, mailbox };
  Modseq modseq = 0;
  Kind kind = Kind::added;
  MailboxId mailbox = 0;
  UidSet uids;                  ///< empty for Kind::mailbox: created, renamed or deleted
  std::vector<EmailId> emails;  ///< of Kind::expunged, while they fit a record
};

/// An annotation (RFC 5464 §3).
struct Metadata {
  std::string name;                          ///< of the entry, lower case, with "/private" or "/shared" in front
  std::shared_ptr<const std::string> value;  ///< null: to be removed
};
/// Whose annotations: those of one reader or writer (an account's id), or everybody's.
using MetadataOwner = AccountId;
inline constexpr MetadataOwner kEverybody = 0;
/// Nobody's, and told to nobody: the keys that sign URLs of a mailbox are kept like annotations (AccountMail::url_key).
inline constexpr MetadataOwner kUrlKeys = UINT64_MAX;
/// An annotation that was changed.
struct MetadataChange {
  MailboxId mailbox = 0;  ///< 0: of the account itself
  MetadataOwner owner = kEverybody;
  std::string name;
  std::uint64_t author = 0;  ///< as set_metadata() was told
};
struct MetadataNews {
  std::vector<MetadataChange> changes;  ///< in their order; of many the latest
  std::uint64_t seen = 0;               ///< ask with this next time
};

/// What a rotation of an account's key did.
struct KeyRotation {
  std::uint64_t sealed = 0;   ///< emails sealed by the new key that were sealed by another
  std::uint64_t erased = 0;   ///< keys that are no more
  std::uint64_t damaged = 0;  ///< emails that do not open: they are as they were, and so are the keys of before
};

class AccountMail {
 public:
  virtual ~AccountMail() = default;
  [[nodiscard]] virtual AccountId id() const = 0;
  /// The account was removed, or a batch of it failed with the outcome unknown (kStopped): this object refuses changes
  /// and learns nothing new. Ask MailboxStore::account again. Watches are woken when another object takes its place.
  [[nodiscard]] virtual bool stale() const = 0;

  // --- what there is: at once, from memory -------------------------------------------------------------------------
  [[nodiscard]] virtual ListingPtr listing() const = 0;
  /// kNoMailbox.
  [[nodiscard]] virtual Result<Status> status(MailboxId mailbox) const = 0;
  [[nodiscard]] virtual Quota quota() const = 0;
  /// The account's counter: no visible change has a higher one (JMAP state).
  [[nodiscard]] virtual Modseq modseq() const = 0;
  /// Whether so much more would be within the quota (at RCPT with SIZE, before APPEND's continuation). kOverQuota.
  [[nodiscard]] virtual Result<> may_accept(std::uint64_t octets, std::uint64_t messages = 1) const = 0;
  /// Whether messages could be added with these flags (before APPEND's continuation). kNoMailbox, kBadKeyword,
  /// kTooMany.
  [[nodiscard]] virtual Result<> may_flag(MailboxId mailbox, const FlagNames& flags) const = 0;
  /// The latest view if it is in memory, else null: then await view(). It stays in memory while somebody watches it.
  [[nodiscard]] virtual ViewPtr view_now(MailboxId mailbox) = 0;
  /// Told of every visible change of this mailbox; of any mailbox and the listing with 0.
  [[nodiscard]] virtual std::unique_ptr<Watch> watch(MailboxId mailbox, WakeHook hook) = 0;
  /// \Recent (RFC 3501 §2.3.2): UIDs from the returned one on are recent to the caller, and to nobody who asks later.
  /// Kept in memory only: after a restart nothing is recent that was there.
  virtual Uid take_recent(MailboxId mailbox) = 0;
  /// The same without taking (EXAMINE, STATUS).
  [[nodiscard]] virtual Uid peek_recent(MailboxId mailbox) const = 0;

  /// The latest view. kNoMailbox, kNotSelectable.
  virtual io::Task<Result<ViewPtr>> view(MailboxId mailbox) = 0;

  // --- mailboxes (RFC 9051 §6.3.4-6.3.9) -----------------------------------------------------------------------------
  /// Creates superior names that are missing, too. kMailboxExists, kBadName, kTooMany.
  virtual io::Task<Result<MailboxInfo>> create(std::string name, SpecialUse use = SpecialUse::none) = 0;
  /// Deletes the messages. With inferior names the name stays, not selectable; kHasChildren if it is so already. INBOX:
  /// kBadName.
  virtual io::Task<Result<>> remove(std::string name) = 0;
  /// With inferior names. Of INBOX: moves its messages to a new mailbox and leaves it empty; its inferiors stay.
  virtual io::Task<Result<>> rename(std::string from, std::string to) = 0;
  enum class Subscription { on, off };
  virtual io::Task<Result<>> subscribe(std::string name, Subscription subscription) = 0;
  virtual io::Task<Result<>> set_quota(QuotaLimits limits) = 0;
  /// Changes what one identifier may do. A mailbox that is made has the list of the one above it. kNoMailbox, kBadName,
  /// kTooMany.
  virtual io::Task<Result<>> set_access(MailboxId mailbox, AccessEntry entry, AccessChange change) = 0;

  // --- annotations (RFC 5464)
  // ------------------------------------------------------------------------------------------ They go with their
  // mailbox when it is renamed and when it is deleted; with INBOX they are copied. Mailbox 0 is the account itself.
  /// All of an owner, by name. Of a mailbox that is not there: none.
  [[nodiscard]] virtual std::vector<Metadata> metadata(MailboxId mailbox, MetadataOwner owner) const = 0;
  /// Sets and removes all of them by one batch, or none. Each names its owner. `author` comes back in metadata_news().
  /// kNoMailbox, kBadName, kMetadataTooLong, kMetadataTooMany.
  struct MetadataItem {
    MetadataOwner owner = kEverybody;
    Metadata entry;
  };
  virtual io::Task<Result<>> set_metadata(MailboxId mailbox, std::vector<MetadataItem> items, std::uint64_t author) = 0;
  /// What was changed since `seen`; watch(0) tells when.
  [[nodiscard]] virtual MetadataNews metadata_news(std::uint64_t seen) const = 0;
  /// Where news begin now.
  [[nodiscard]] virtual std::uint64_t metadata_seen() const = 0;

  // --- URLs (RFC 4467)
  // ------------------------------------------------------------------------------------------------ The key by which
  // the account's owner signs URLs of a mailbox. It goes with the mailbox when that is renamed, and when it is deleted.
  /// Nothing where there is none.
  [[nodiscard]] virtual std::optional<std::string> url_key(MailboxId mailbox) const = 0;
  /// The one there is; else `fresh` is it from now on. kNoMailbox.
  virtual io::Task<Result<std::string>> make_url_key(MailboxId mailbox, std::string fresh) = 0;
  /// Of one mailbox, or of all by one batch: what was signed is worth nothing any more. Who watches a mailbox that had
  /// one is told. kNoMailbox.
  virtual io::Task<Result<>> remove_url_keys(std::optional<MailboxId> mailbox) = 0;
  /// How often the mailbox has lost its key while this object lived.
  [[nodiscard]] virtual std::uint64_t url_keys_removed(MailboxId mailbox) const = 0;

  // --- messages
  // ------------------------------------------------------------------------------------------------------- Sets are
  // UIDs; those not there are left out without error. Each call is one batch and takes one MODSEQ, which it does not
  // use up when nothing changes (the result's modseq is then 0). kNoMailbox, kNotSelectable, kOverQuota, kTooMany.
  /// `also`: records of other rooms that become durable by the same batch; what it expects is expected of the whole
  /// (store::kExpectation). Not written when there are no items.
  virtual io::Task<Result<AppendResult>> append(MailboxId mailbox, std::vector<AppendItem> items,
                                                store::Batch also = {}) = 0;
  /// Adds the message to `to` and removes `uid` from `from` by one batch (RFC 8508); the quota is judged by what both
  /// leave. kExpunged when `uid` is not there.
  virtual io::Task<Result<AppendResult>> replace(MailboxId from, Uid uid, MailboxId to, AppendItem item) = 0;
  virtual io::Task<Result<FlagResult>> change_flags(MailboxId mailbox, UidSet uids, FlagRequest request,
                                                    FlagOptions options = {}) = 0;
  virtual io::Task<Result<ExpungeResult>> expunge(MailboxId mailbox, UidSet uids, ExpungeOnly only) = 0;
  virtual io::Task<Result<CopyResult>> copy(MailboxId from, UidSet uids, MailboxId to) = 0;
  virtual io::Task<Result<CopyResult>> move(MailboxId from, UidSet uids, MailboxId to) = 0;
  /// Into a mailbox of another account of the store, as its new emails with the same bodies: one batch of that account,
  /// all or nothing. kTooMany for more than one batch takes.
  virtual io::Task<Result<CopyResult>> copy_to(MailboxId from, UidSet uids, std::shared_ptr<AccountMail> target,
                                               MailboxId to, CopiedFlags flags) = 0;

  // --- resynchronisation (RFC 7162 §3.2)
  // ------------------------------------------------------------------------------
  /// UIDs expunged after `since`, among `known` (VANISHED (EARLIER)). Where the log was trimmed: all of `known` that
  /// are not there, as RFC 7162 §3.2.5 allows.
  virtual io::Task<Result<UidSet>> vanished(MailboxId mailbox, Modseq since, UidSet known) = 0;
  /// All changes after `since`, ascending; kTooMany if the log does not reach so far back (cannotCalculateChanges).
  virtual io::Task<Result<std::vector<Change>>> changes(Modseq since, std::size_t limit) = 0;

  // --- reading emails
  // ------------------------------------------------------------------------------------------------- An expunged email
  // stays readable for kGraveSeconds to who still has it in a view; then kExpunged.
  /// From memory, or kWouldBlock.
  virtual Result<EmailPtr> email_now(EmailId email) = 0;
  virtual io::Task<Result<EmailPtr>> email(EmailId email) = 0;
  /// Many, for big FETCHes: calls each(index in `emails`, email) in order, on the caller's loop; those that are gone
  /// are left out. The view is valid during the call only. Reads neighbours by one scan. `each` may stop the reading by
  /// store::Step::stop.
  using EmailVisitor = std::function<store::Step(std::size_t index, const EmailView& email)>;
  virtual io::Task<Result<>> emails(std::span<const EmailId> emails, EmailVisitor each) = 0;
  /// Octets [offset, offset + length) of prepended fields and presented body as one; fewer at the end. From memory, or
  /// kWouldBlock.
  virtual Result<std::string> read_now(const Email& email, std::uint64_t offset, std::size_t length) = 0;
  virtual io::Task<Result<std::string>> read(EmailPtr email, std::uint64_t offset, std::size_t length) = 0;
  /// Octets of the body as it was received: for export and forwarding.
  virtual io::Task<Result<std::string>> read_stored(EmailPtr email, std::uint64_t offset, std::size_t length) = 0;
  /// Emails of a thread that still exist, ascending.
  virtual io::Task<Result<std::vector<EmailId>>> thread(ThreadId thread) = 0;

  // --- encryption at rest
  // ---------------------------------------------------------------------------------------------- A new key, by which
  // the account's emails are sealed that come from now on; then those that are sealed by others are sealed by it, and
  // the others erased. Bodies stay as they lie: each has a key of its own, which its email hides. An account without a
  // key has nothing done. Cut short at any step it is done again. Errors: keyring's, kRotationWaits when one is under
  // way.
  virtual io::Task<Result<KeyRotation>> rotate_key(store::Progress progress = {}) = 0;
};
using AccountMailPtr = std::shared_ptr<AccountMail>;

struct MailboxStoreOptions {
  const Clock* clock = &system_clock();
  /// Accounts kept loaded though nobody uses them.
  std::size_t idle_accounts_max = 10'000;
  /// Views nobody holds are dropped after so long.
  Duration view_idle = std::chrono::minutes(10);
  /// Told of accounts that got mail, once it is visible; from any thread, brief.
  std::function<void(AccountId)> on_added = {};
  /// What sealed mail is opened by; null: it cannot be read. Outlives the store.
  keyring::Keys* keys = nullptr;
  /// Whether mail that comes is sealed; what is there stays as it is. Needs keys.
  Sealing sealing = Sealing::off;
};

class MailboxStore {
 public:
  /// The tablet must have been opened with Records of records.h for this room's keys. Misses are read in the pool. Both
  /// outlive the store, and the store outlives every AccountMail it gave.
  static std::unique_ptr<MailboxStore> make(store::Tablet& tablet, io::Pool& pool, MailboxStoreOptions options = {});
  virtual ~MailboxStore() = default;

  /// The account's mail, loaded if it is not; keep the pointer for as long as it is needed. An account that was never
  /// made is kNoMailbox.
  virtual io::Task<Result<AccountMailPtr>> account(AccountId account) = 0;
  /// Null when it is not loaded.
  virtual AccountMailPtr account_now(AccountId account) = 0;
  /// Makes INBOX and the special mailboxes, and subscribes to them. Making it again changes nothing.
  virtual io::Task<Result<>> create_account(AccountId account, QuotaLimits limits) = 0;
  /// The same for one who commits it together with what else makes the account. The batch is refused
  /// (store::kExpectation) when its mailboxes are there already.
  virtual void create_account(AccountId account, QuotaLimits limits, store::Batch& batch) = 0;
  /// All its mail is gone, and what else the batch carries is done with it or not at all; sessions that hold it get
  /// kNoMailbox. An account without mail has the rest done.
  virtual io::Task<Result<>> remove_account(AccountId account, store::Batch also = {}) = 0;

  /// Accounts with a mailbox whose list grants anything to one of the identifiers.
  virtual io::Task<Result<std::vector<AccountId>>> sharing(std::vector<std::string> identifiers) = 0;

  /// One accept: one batch for all recipients that are taken and what else the delivery carries. The vector has a
  /// result for each recipient (kOverQuota, kNoMailbox for an unknown account); an error of the whole means nobody has
  /// it.
  virtual io::Task<Result<std::vector<Result<Delivered>>>> deliver(Delivery delivery) = 0;
  /// What sealed mail is opened by; null: it cannot be read.
  [[nodiscard]] virtual keyring::Keys* keys() const = 0;
  /// A buffer for one incoming message.
  virtual std::unique_ptr<Intake> intake(Arrival arrival) = 0;

  /// Housekeeping, to be called about every minute: emails expunged more than kGraveSeconds ago are erased, views and
  /// accounts nobody uses are dropped.
  virtual io::Task<Result<>> tidy() = 0;
};

}  // namespace angarium::mailbox
