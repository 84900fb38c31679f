// All that IMAP knows of the house: a port grouped by session state. Bodies: memory_backend.h and the agent's.
//
// Names of mailboxes are UTF-8, their levels parted by "/", INBOX in upper case. Failures are the kinds of error.h, or
// any other error, which is then judged by its fault. Everything is called on the connection's loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/event.h"
#include "io/task.h"
#include "message/imap_text.h"
#include "message/structure.h"
#include "protocol/imap/error.h"
#include "protocol/imap/number_set.h"
#include "protocol/imap/rights.h"
#include "protocol/imap/types.h"
#include "sasl/types.h"
#include "wire/saslsec/desk.h"

namespace angarium::protocol::imap {

// ---- Selected -------------------------------------------------------------------------------------------------------

/// One message of a view.
struct Entry {
  std::uint64_t email = 0;   ///< the backend's name of the stored email; it stays readable after an expunge for a while
  std::uint64_t modseq = 0;  ///< of the last change
  std::uint64_t keywords = 0;  ///< bit i: View::keywords()[i]
  InternalDate date;
  std::optional<std::int64_t> saved{};  ///< when it came into the mailbox, seconds since 1970 (RFC 8514); not known
  std::uint32_t size = 0;               ///< octets
  std::uint32_t ascii_size = 0;         ///< for who may get no UTF-8, as counted at acceptance; with `ascii_form` only
  std::uint32_t uid = 0;
  Flags flags = 0;
  bool spilled = false;     ///< has keywords beyond the first 64: View::spilled_keywords()
  bool ascii_form = false;  ///< who may get no UTF-8 gets other headers (RFC 6858)
  /// What a session of that form is told and given: RFC822.SIZE, and what `BODY[]` has.
  [[nodiscard]] std::uint32_t octets(message::ImapForm form) const {
    return ascii_form && form == message::ImapForm::ascii ? ascii_size : size;
  }
};

/// An immutable state of a mailbox, shared by all sessions that see it. Thread-safe as const.
class View {
 public:
  virtual ~View() = default;
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// Copies entries from `index` on, ascending by UID, as many as fit and are there; cheap for blocks of 64 and more.
  virtual std::size_t read(std::size_t index, std::span<Entry> into) const = 0;
  /// The index of the first entry with at least that UID; size() if there is none.
  [[nodiscard]] virtual std::size_t lower_bound(std::uint32_t uid) const = 0;
  /// The index of the first message without \Seen, or size().
  [[nodiscard]] virtual std::size_t first_unseen() const;
  [[nodiscard]] virtual std::uint64_t highest_modseq() const = 0;
  [[nodiscard]] virtual std::uint32_t uid_next() const = 0;
  /// Names of keywords by their bits and indexes; an empty name is a gap.
  [[nodiscard]] virtual std::span<const std::string> keywords() const = 0;
  /// Whether there is room for one more: "\*" in PERMANENTFLAGS.
  [[nodiscard]] virtual bool keywords_can_be_made() const { return true; }
  /// Indexes from 64 on, of an entry with `spilled`.
  [[nodiscard]] virtual std::vector<std::uint16_t> spilled_keywords(const Entry& entry) const;
};

/// How one view became a later one of the same mailbox.
struct Delta {
  std::vector<Entry> expunged;         ///< of the older view, ascending by UID
  std::vector<std::uint32_t> changed;  ///< UIDs in both whose flags or MODSEQ changed, ascending
};
/// The delta of any two views by walking over both; O(messages). Backends that keep changes know it sooner.
Delta compare_views(const View& from, const View& to);

struct MailboxFacts {
  std::uint32_t uid_validity = 0;
  std::string id;  ///< MAILBOXID (RFC 8474 §4); empty: not known
  Access access = Access::read_write;
};

struct StoreRequest {
  enum class Durability { before_reply, relaxed };  ///< relaxed: the implicit \Seen of FETCH
  NumberSet uids;
  FlagChange change = FlagChange::add;
  FlagList flags;
  std::optional<std::uint64_t> unchanged_since;  ///< RFC 7162 §3.1.3
  Durability durability = Durability::before_reply;
};
struct StoreOutcome {
  NumberSet modified;        ///< left alone, as their MODSEQ was above unchanged_since
  std::uint64_t modseq = 0;  ///< given to what was changed; 0: nothing was
};

struct CopyOutcome {
  std::uint32_t uid_validity = 0;  ///< of the target
  NumberSet from;                  ///< UIDs copied, in the order of …
  NumberSet to;                    ///< … the UIDs they got; both ascending, of one count
  /// CopyMode::move: why those that are copied are here as well.
  std::optional<Error> not_removed{};
};

/// Which flags of a message its copy has.
struct KeptFlags {
  Flags system = kAllFlags;
  bool keywords = true;
};

class Account;

/// Ready texts of one message, as they stand in FETCH responses.
struct MessageTexts {
  std::string_view envelope;                  ///< "(…)"
  std::string_view body;                      ///< BODY, without extension data
  std::string_view body_structure;            ///< BODYSTRUCTURE
  std::string_view email_id;                  ///< RFC 8474 §5.1
  std::string_view thread_id;                 ///< RFC 8474 §5.2; empty: NIL
  std::string_view references;                ///< message::thread_references()
  std::optional<std::string_view> preview{};  ///< RFC 8970; nothing: not at hand, and asked for lazily
};
struct TextBatch {
  std::vector<MessageTexts> messages;  ///< as they were asked for; only the wanted texts are set
  std::vector<char> missing;           ///< 1: the message is gone from the store; empty: none is
  std::vector<char> damaged;           ///< 1: its texts can't be made, for it can't be read; empty: none is
  std::shared_ptr<const void> owner;   ///< keeps the texts
};

/// A stretch of a message's octets.
struct Octets {
  std::string_view octets;
  std::shared_ptr<const void> owner;  ///< keeps them
};

/// A key of SEARCH that must read messages, matched by a collation on decoded text, `value` in UTF-8.
struct TextKey {
  SearchNode::Key key =
      SearchNode::Key::text;  ///< from to cc bcc subject header body text sent_before sent_on sent_since
  std::string_view name;      ///< of the field, for header
  std::string_view value;
  Day day;  ///< for sent_…: the day in the Date field, its zone disregarded (RFC 9051 §6.4.4)
  message::Collation collation = message::Collation::unicode_casemap;
  bool fuzzy = false;                ///< RFC 6203: by words, as message::FuzzySearch does; the collation does not count
  std::span<const float> weights{};  ///< of the words then, as Candidates told them; none: all count the same
  /// Asked by what takes long, between its parts, on the loop: nobody waits for it any more. Whatever is answered then
  /// is an error.
  std::function<bool()> given_up{};
};

/// What is known of a key for all messages at once, without reading them.
class Candidates {
 public:
  enum class Verdict : std::uint8_t { no, yes, look };  ///< look: Mailbox::match() can tell
  virtual ~Candidates() = default;
  [[nodiscard]] virtual Verdict of(const Entry& message) const = 0;
  /// Of a fuzzy key and a message with the verdict `yes`: 1 to 100.
  [[nodiscard]] virtual std::uint8_t score(const Entry& message) const = 0;
  /// What the words of a fuzzy key count, so that match() scores alike; none: all the same. They live as long as this.
  [[nodiscard]] virtual std::span<const float> weights() const = 0;
};

/// While it lives, the event it was made with is set whenever the mailbox has a newer view.
class Watcher {
 public:
  virtual ~Watcher() = default;
};

/// What is known of the key by which the session's user signs URLs of a mailbox (RFC 4467 §2.2).
struct UrlKeyState {
  bool kept = false;          ///< there is one
  std::uint64_t removed = 0;  ///< how often there was one that is gone; only grows, or begins again
};

/// A mailbox a session has selected. Owned by the session; destroyed when it leaves the mailbox.
class Mailbox {
 public:
  virtual ~Mailbox() = default;
  [[nodiscard]] virtual const MailboxFacts& facts() const = 0;
  /// As it is called now; empty when it is gone.
  [[nodiscard]] virtual std::string name() const = 0;
  /// Called before a command and before its news are told: makes good what a failure of the store left behind. Where
  /// that is not possible yet view() stays the last one, and changes are refused.
  virtual io::ValueOrTask<Result<void>> renew() { return Result<void>(); }
  /// The newest durable state; includes whatever this session's finished calls did. Cheap. Null when the mailbox was
  /// deleted.
  [[nodiscard]] virtual std::shared_ptr<const View> view() const = 0;
  [[nodiscard]] virtual Delta delta(const View& from, const View& to) const { return compare_views(from, to); }
  /// \Recent (RFC 3501 §2.3.2): UIDs above the result were not claimed by any session yet; a read-write session claims
  /// them up to `uid` by asking, a read-only one does not.
  virtual std::uint32_t recent_above(std::uint32_t uid) = 0;
  virtual std::unique_ptr<Watcher> watch(io::Event& event) = 0;

  /// Watchers are told when a key is removed.
  [[nodiscard]] virtual UrlKeyState url_key() const = 0;

  virtual io::Task<Result<StoreOutcome>> store(StoreRequest request) = 0;
  /// Removes what is \Deleted, of `uids` only when given; the UIDs that were removed.
  virtual io::Task<Result<NumberSet>> expunge(std::optional<NumberSet> uids) = 0;
  /// All or nothing; UIDs that are not there are left out. kTryCreate when there is no such mailbox.
  virtual io::Task<Result<CopyOutcome>> copy(NumberSet uids, std::string target, CopyMode mode) = 0;
  /// What this user may do here now (RFC 4314).
  [[nodiscard]] virtual Rights rights() const { return kAllRights; }
  /// The same into a mailbox of any account of this house, as new messages. kLimit for too many at once. Moved: first
  /// all are there, then they go here, or CopyOutcome says why they do not.
  virtual io::Task<Result<CopyOutcome>> copy_to(NumberSet uids, Account& account, std::string target, CopyMode mode,
                                                KeptFlags kept) = 0;
  /// UIDs of `known` expunged after `modseq`; when that is no longer known, all of `known` that are not there now.
  virtual io::Task<Result<NumberSet>> vanished(std::uint64_t modseq, NumberSet known) = 0;

  /// `wanted`: FetchBits envelope, body, body structure, email id, thread id, references, preview (lazy). At most
  /// kTextBatch entries.
  /// `form`: what the client may get in strings (RFC 6855 §3).
  virtual io::ValueOrTask<Result<TextBatch>> texts(std::span<const Entry> messages, std::uint32_t wanted,
                                                   message::ImapForm form) = 0;
  /// Of the message as presented in that form, whose size is entry.octets(form), of an ASCII form that of structure():
  /// from `offset` at least one octet where there is one, at most `count`. kExpungeIssued when the message is gone,
  /// kCorruption when it is damaged.
  virtual io::ValueOrTask<Result<Octets>> read(const Entry& message, message::ImapForm form, std::uint64_t offset,
                                               std::uint64_t count) = 0;
  /// Offsets are those of read() in that form. Of headers that are other than the message's, fields are not told.
  virtual io::ValueOrTask<Result<std::shared_ptr<const message::Structure>>> structure(const Entry& message,
                                                                                       message::ImapForm form) = 0;
  /// One octet a message: 1 where the key matches the message itself, whatever the session's form; of a fuzzy key the
  /// score, 1 to 100. A message that is gone or damaged matches nothing.
  virtual io::Task<Result<std::vector<char>>> match(std::span<const Entry> messages, TextKey key) = 0;
  /// What match() would say of any message by i;unicode-casemap, as far as it is known sooner. Null: nothing is known.
  virtual io::Task<Result<std::shared_ptr<const Candidates>>> candidates([[maybe_unused]] TextKey key) {
    co_return nullptr;
  }
};

// ---- Authenticated --------------------------------------------------------------------------------------------------

/// One name in the account, or one that is only subscribed to.
struct NameRow {
  std::string name;
  std::uint32_t attributes =
      0;             ///< of NameBit: kNameNoSelect, kNameNonExistent, kNameNoInferiors, kNameSubscribed, special uses
  std::string id{};  ///< stays when the name changes; empty: not known
  Rights rights = kAllRights;  ///< what this user may do there
};

struct StatusValues {
  std::uint64_t messages = 0;
  std::uint64_t unseen = 0;
  std::uint64_t deleted = 0;
  std::uint64_t recent = 0;
  std::uint64_t octets = 0;
  std::uint64_t deleted_octets = 0;  ///< of those with \Deleted; set by who asks for it
  std::uint32_t uid_next = 1;
  std::uint32_t uid_validity = 0;
  std::uint64_t highest_modseq = 0;
  std::string id;
  std::optional<std::uint64_t> append_limit;  ///< nullopt: none (RFC 7889 §3)
};

/// A resource that is limited (RFC 9208 §5).
struct QuotaResource {
  enum class Kind : std::uint8_t { storage, message };
  Kind kind = Kind::storage;
  std::uint64_t usage = 0;  ///< octets or messages
  std::uint64_t limit = 0;
};
/// RFC 9208 §3.2.
struct QuotaRoot {
  std::string name;
  std::vector<QuotaResource> resources;  ///< what is not named has no limit
};

struct NamespaceRow {
  std::string prefix;
};
struct Namespaces {
  std::vector<NamespaceRow> personal;
  std::vector<NamespaceRow> others;
  std::vector<NamespaceRow> shared;
};

struct AppendMessage {
  enum class Form { plain, binary, utf8 };  ///< binary: literal8, NULs allowed (RFC 3516); utf8: RFC 6855 §4
  FlagList flags;
  std::optional<InternalDate> internal_date;
  /// nullopt: it is put together of parts, as long as they turn out to be (RFC 4469).
  std::optional<std::uint64_t> size = 0;
  Form form = Form::plain;
};
struct AppendOutcome {
  std::uint32_t uid_validity = 0;
  NumberSet uids;
};

/// One APPEND: messages stream in; commit makes all of them visible at once; destroying it undoes all.
class Append {
 public:
  virtual ~Append() = default;
  /// Begins the next message, before the client is told to send it: quota, sizes, flags are judged here.
  virtual io::Task<Result<void>> begin(AppendMessage message) = 0;
  /// The octets, message.size in all; of what is put together, as many as come before commit().
  virtual io::ValueOrTask<Result<void>> write(std::string_view octets) = 0;
  virtual io::Task<Result<AppendOutcome>> commit() = 0;
};

/// A message that makes way for another (RFC 8508).
struct Replaced {
  std::string name;     ///< of its mailbox
  std::string mailbox;  ///< MailboxFacts::id
  std::uint32_t uid = 0;
};

enum class Subscription { subscribe, unsubscribe };

/// While it lives, the event it was made with is set when something of the account changed that was not asked for yet:
/// names, subscriptions, messages of any mailbox.
class AccountWatcher {
 public:
  virtual ~AccountWatcher() = default;
  /// Whether something changed since the last call. Take it first, then look.
  virtual bool take() = 0;
};
/// An annotation that somebody else changed.
struct AnnotationChange {
  std::string mailbox;  ///< empty: of the server
  std::string entry;
};
/// While it lives, the event it was made with is set whenever take() may have something.
class AnnotationWatch {
 public:
  virtual ~AnnotationWatch() = default;
  /// What other sessions changed since the last call, as far as this user may know of it.
  virtual std::vector<AnnotationChange> take() = 0;
};

/// A logged-in user's view of the store. Owned by the session.
class Account {
 public:
  virtual ~Account() = default;
  /// In any order; each name once; parents without a mailbox of their own need not occur.
  virtual io::Task<Result<std::vector<NameRow>>> list() = 0;
  [[nodiscard]] virtual Namespaces namespaces() const = 0;
  /// Makes missing superior names too. The MAILBOXID of the new mailbox, or empty. `special_use`: of NameBit.
  virtual io::Task<Result<std::string>> create(std::string name, std::uint32_t special_use) = 0;
  virtual io::Task<Result<void>> remove(std::string name) = 0;
  /// With all inferior names; INBOX is emptied into the new name (RFC 9051 §6.3.6).
  virtual io::Task<Result<void>> rename(std::string from, std::string to) = 0;
  virtual io::Task<Result<void>> subscribe(std::string name, Subscription subscription) = 0;
  virtual io::Task<Result<StatusValues>> status(std::string name) = 0;
  /// Octets that EXPUNGE would free there; may cost a look at all of its messages.
  virtual io::Task<Result<std::uint64_t>> deleted_octets(std::string name) = 0;
  /// The quota roots of a mailbox that is there or could be made (RFC 9208 §4.1.2).
  virtual io::Task<Result<std::vector<QuotaRoot>>> quota_roots(std::string name) = 0;
  /// kNonExistent, also for those whose usage this user may not know.
  virtual io::Task<Result<QuotaRoot>> quota(std::string root) = 0;
  /// All annotations this user may see of a mailbox, or with an empty name of the server.
  virtual io::Task<Result<std::vector<Annotation>>> annotations(std::string mailbox) = 0;
  /// Sets and removes all of them, or none. kMetadataTooLong, kMetadataTooMany.
  virtual io::Task<Result<void>> annotate(std::string mailbox, std::vector<Annotation> changes) = 0;
  virtual std::unique_ptr<AnnotationWatch> watch_annotations(io::Event& event) = 0;
  /// By which identifier lists mean the owner, who may do everything and stands in none (RFC 4314).
  [[nodiscard]] virtual std::string owner() const = 0;
  /// What this user may do with a mailbox. kNonExistent.
  virtual io::Task<Result<Rights>> rights(std::string name);
  /// Whether there is a mailbox by that name of which this user may not know (any more), as far as can be told.
  virtual io::Task<Result<bool>> is_hidden(std::string name);
  /// A mailbox's list. kNonExistent.
  virtual io::Task<Result<AccessList>> access(std::string name) = 0;
  /// Changes one line of it. kLimit.
  virtual io::Task<Result<void>> set_access(std::string name, AccessLine line, AccessChange change) = 0;
  /// The rights that an identifier always has there (RFC 4314 §3.7); each of the others can be granted alone.
  virtual io::Task<Result<Rights>> always_granted(std::string name, std::string identifier);
  virtual io::Task<Result<std::shared_ptr<Mailbox>>> select(std::string name, Access access) = 0;
  /// For as long as the watcher lives.
  virtual std::unique_ptr<AccountWatcher> watch(io::Event& event) = 0;
  /// kTryCreate when there is no such mailbox.
  virtual io::Task<Result<std::unique_ptr<Append>>> append(std::string name) = 0;
  /// The same for one message, with whose commit the other one goes: both or neither. The quota is judged by what is
  /// left. commit() is kExpungeIssued when the other one went before.
  virtual io::Task<Result<std::unique_ptr<Append>>> replace(std::string name, Replaced replaced) = 0;

  // URLs that authorise (RFC 4467).
  /// Whether a URL means this session's user by the name.
  [[nodiscard]] virtual bool is_user(std::string_view name) const = 0;
  /// Nobody in particular (RFC 4505).
  [[nodiscard]] virtual bool is_guest() const = 0;
  /// The mail of a user of this host as its owner sees it, for who has a URL that authorises. kNonExistent.
  virtual io::Task<Result<std::shared_ptr<Account>>> of_user(std::string name) = 0;
  /// The key by which this user signs URLs of a mailbox; nothing when there is none. kNonExistent.
  virtual io::Task<Result<std::optional<std::string>>> url_key(std::string mailbox) = 0;
  /// The same, made now where there is none.
  virtual io::Task<Result<std::string>> make_url_key(std::string mailbox) = 0;
  /// Of one mailbox, or of all: durable when it returns.
  virtual io::Task<Result<void>> remove_url_keys(std::optional<std::string> mailbox) = 0;
};

// ---- What others share ----------------------------------------------------------------------------------------------

/// An account of somebody else that grants this user something.
struct Neighbour {
  /// In front of the names of its mailboxes: "Other Users/anna@example.org/", or that of the public ones.
  std::string prefix;
  /// Behind the ids of its mailboxes and messages, which are those of one account alone: letters and digits. Messages
  /// that came from another account have its key already.
  std::string key;
  /// As it is for this user: rights are told, nothing is judged.
  std::shared_ptr<Account> account;
};

/// What a user has of others; of one session.
class Neighbours {
 public:
  virtual ~Neighbours() = default;
  /// Whether there are public mailboxes on this site.
  [[nodiscard]] virtual bool has_public() const = 0;
  /// What others see behind the ids of this user's own messages.
  [[nodiscard]] virtual std::string own_key() const = 0;
  /// All that grant something, each once. Those that cannot be read are left out.
  virtual io::Task<Result<std::vector<Neighbour>>> all() = 0;
  /// The prefix of a name as its form tells it, whether or not anybody shares by it; empty: it has none.
  [[nodiscard]] virtual std::string_view prefix_of(std::string_view name) const = 0;
  /// The one with that prefix, also where all() does not reach it; nothing if it grants nothing. The others are not
  /// looked at.
  virtual io::Task<Result<std::optional<Neighbour>>> find(std::string prefix) = 0;
  /// The one form in which lists have whom a client named. kNonExistent; kCannot for kinds of names that mean nobody.
  virtual io::Task<Result<std::string>> identifier(std::string written) = 0;
};

// ---- Not authenticated ----------------------------------------------------------------------------------------------

/// Of one connection; it knows whether that is encrypted, whence it comes, and counts its failures.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// The names of the SASL mechanisms that the site has switched on; which of them a connection may use follows from
  /// it.
  [[nodiscard]] virtual std::vector<std::string_view> enabled() const = 0;
  /// Whether a password may be sent now; otherwise LOGINDISABLED is announced.
  [[nodiscard]] virtual bool login_permitted() const = 0;
  /// Who answers what LOGIN and exchanges ask; lives as long as this.
  virtual wire::saslsec::Desk& credentials() = 0;
  /// The mail of who has proved to be `identity`; `mechanism` is "LOGIN" or the name of one.
  virtual io::Task<Result<std::shared_ptr<Account>>> open(sasl::Identity identity, std::string_view mechanism) = 0;
  /// A login has failed: what the client is told, after the delay that it costs.
  virtual io::Task<Error> refused(Error error) = 0;
};

}  // namespace angarium::protocol::imap
