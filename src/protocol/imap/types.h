// What IMAP commands and responses speak of, as values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message/collation.h"
#include "protocol/imap/number_set.h"

namespace angarium::protocol::imap {

/// System flags as bits (RFC 9051 §2.3.2).
using Flags = std::uint8_t;
inline constexpr Flags kSeen = 1;
inline constexpr Flags kAnswered = 2;
inline constexpr Flags kFlagged = 4;
inline constexpr Flags kDeleted = 8;
inline constexpr Flags kDraft = 16;
inline constexpr Flags kAllFlags = 31;  ///< those a client can set
inline constexpr Flags kRecent = 32;    ///< RFC 3501 §2.3.2; a session's own view, never stored

/// The names in the order of the bits.
inline constexpr std::string_view kFlagNames[] = {"\\Seen",    "\\Answered", "\\Flagged",
                                                  "\\Deleted", "\\Draft",    "\\Recent"};

/// A flag list as written: keywords once each by their names without regard to case, as first written.
/// INTERNALDATE: a moment and the zone it is told in.
struct InternalDate {
  std::int64_t seconds = 0;  ///< since 1970
  int zone_minutes = 0;      ///< east of Greenwich
};

struct FlagList {
  Flags system = 0;
  std::vector<std::string> keywords;
  friend bool operator==(const FlagList&, const FlagList&) = default;
};

enum class FlagChange { replace, add, remove };

enum class CopyMode { copy, move };

/// A "<offset.count>" (RFC 9051 §6.4.5).
struct Partial {
  std::uint64_t offset = 0;
  std::uint64_t count = 0;
  friend bool operator==(Partial, Partial) = default;
};

/// What stands between the brackets of BODY[…] (RFC 9051 §6.4.5.1).
struct Section {
  enum class Text { all, header, header_fields, header_fields_not, text, mime };
  std::vector<std::uint32_t> part;
  Text text = Text::all;
  std::vector<std::string> fields;
  friend bool operator==(const Section&, const Section&) = default;
};

/// A fetch item that reads the message itself.
struct SectionItem {
  enum class Form { body, binary, binary_size, rfc822, rfc822_header, rfc822_text };
  enum class Peek { no, yes };
  Form form = Form::body;
  Peek peek = Peek::no;
  Section section;
  std::optional<Partial> partial;
  friend bool operator==(const SectionItem&, const SectionItem&) = default;
};

/// Fetch items that are answered from the view or from stored texts.
enum FetchBit : std::uint32_t {
  kFetchUid = 1,
  kFetchFlags = 2,
  kFetchInternalDate = 4,
  kFetchSize = 8,
  kFetchEnvelope = 16,
  kFetchBody = 32,
  kFetchBodyStructure = 64,
  kFetchModseq = 128,
  kFetchEmailId = 256,
  kFetchThreadId = 512,
  kFetchReferences = 1024,  ///< no item of FETCH: what THREAD asks of the backend
  kFetchPreview = 2048,
  kFetchPreviewLazy = 4096,  ///< only what is at hand (RFC 8970 §4.1); beside kFetchPreview it means nothing
  kFetchSaveDate = 8192,
};

/// partial-range (RFC 9394 §4): results by their places, counted from the first or from the last.
struct ResultRange {
  enum class From : std::uint8_t { first, last };
  From from = From::first;
  std::uint32_t least = 1;  ///< the nearest place, counted from 1
  std::uint32_t most = 1;   ///< the farthest; ≥ least
  std::string written;      ///< as it is told again
  /// The places [begin, end) of `count` results; empty where none of them is there.
  struct Places {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  [[nodiscard]] Places of(std::uint64_t count) const;
};

struct FetchProgram {
  std::uint32_t items = 0;  ///< of FetchBit
  std::vector<SectionItem> sections;
  std::optional<std::uint64_t> changed_since;  ///< RFC 7162 §3.1.4.1
  bool vanished = false;                       ///< RFC 7162 §3.2.6
  std::optional<ResultRange> partial;          ///< RFC 9394 §3.3
};

/// A calendar day as SEARCH names it: days since 1970-01-01.
struct Day {
  std::int32_t days = 0;
  friend constexpr auto operator<=>(Day, Day) = default;
};

struct SearchNode {
  enum class Key {
    all,
    both,
    either,
    negation,  // both: every child; either: two children; negation: one child
    flag,
    recent,
    fresh,
    keyword,  // flag: `flags`; fresh: NEW
    before,
    on,
    since,
    older,
    younger,  // than `number` seconds (RFC 5032)
    saved_before,
    saved_on,
    saved_since,
    sent_before,
    sent_on,
    sent_since,
    larger,
    smaller,
    sequence,
    uid,
    uid_after,  // `number` (RFC 9738 §3.2)
    uid_before,
    modseq,
    email_id,
    thread_id,
    from,
    to,
    cc,
    bcc,
    subject,
    header,
    body,
    text,
  };
  Key key = Key::all;
  Flags flags = 0;
  Day day;
  std::uint64_t number = 0;  ///< octets, seconds or MODSEQ
  std::string name;          ///< keyword, header field name or object id
  std::string value;         ///< what is looked for, as octets of the command's charset
  SequenceSet set;
  std::vector<SearchNode> children;
  bool reads_messages = false;  ///< this key or one below it needs more than the view
  bool fuzzy = false;           ///< a text that need not be there exactly, or such a one is below (RFC 6203)
};

/// RETURN options of SEARCH and SORT (RFC 4731, RFC 5182, RFC 9394, RFC 6203).
enum SearchReturn : std::uint8_t {
  kReturnMin = 1,
  kReturnMax = 2,
  kReturnAll = 4,
  kReturnCount = 8,
  kReturnSave = 16,
  kReturnPartial = 32,
  kReturnRelevancy = 64,
};

struct SearchProgram {
  bool extended = false;                     ///< RETURN was written
  std::uint8_t returns = 0;                  ///< of SearchReturn; ALL when RETURN () was written
  ResultRange partial;                       ///< with kReturnPartial
  bool update = false;                       ///< RFC 5267 §4.3
  std::optional<FetchProgram> update_items;  ///< what is shown of new messages (RFC 5465 §7)
  std::string charset;                       ///< upper case; empty: none written
  /// The command always names a charset, as SORT and THREAD do.
  bool charset_required = false;
  message::Collation collation = message::Collation::unicode_casemap;  ///< the active comparator's (RFC 5255 §4)
  SearchNode root;                                                     ///< key `both`
  bool uses_modseq = false;                                            ///< a MODSEQ key anywhere (RFC 7162 §3.1.5)
  bool uses_fuzzy = false;                                             ///< a FUZZY key anywhere (RFC 6203)
  bool uses_filter = false;  ///< a FILTER key anywhere: strings are UTF-8 (RFC 5466 §3.1)
};

/// filter-mailboxes (RFC 5465 §6, RFC 7377 §2.2).
struct MailboxFilter {
  enum class Kind : std::uint8_t {
    selected,
    selected_delayed,
    inboxes,
    personal,
    subscribed,
    subtree,
    subtree_one,
    mailboxes
  };
  Kind kind = Kind::selected;
  std::vector<std::string> names;  ///< of subtree, subtree_one and mailboxes; UTF-8
  friend bool operator==(const MailboxFilter&, const MailboxFilter&) = default;
};

/// ESEARCH (RFC 7377).
struct MultiSearchProgram {
  std::vector<MailboxFilter> sources;  ///< at least one
  SearchProgram search;
};

/// Events of NOTIFY as bits (RFC 5465 §5).
enum NotifyEvent : std::uint8_t {
  kEventMessageNew = 1,
  kEventMessageExpunge = 2,
  kEventFlagChange = 4,
  kEventMailboxName = 8,
  kEventSubscriptionChange = 16,
  kEventMailboxMetadata = 32,
  kEventServerMetadata = 64,
};

struct EventGroup {
  MailboxFilter filter;
  std::uint8_t events = 0;            ///< of NotifyEvent; 0: NONE
  std::optional<FetchProgram> items;  ///< what is shown of new messages
};

struct NotifyProgram {
  bool status = false;
  std::vector<EventGroup> groups;  ///< empty: NOTIFY NONE
};

/// A sort-key (RFC 5256 §5, RFC 5957 §5, RFC 6203 §6).
enum class SortBy : std::uint8_t { arrival, cc, date, display_from, display_to, from, relevancy, size, subject, to };
struct SortCriterion {
  enum class Order : std::uint8_t { ascending, descending };
  SortBy by = SortBy::arrival;
  Order order = Order::ascending;
  friend bool operator==(SortCriterion, SortCriterion) = default;
};

struct SortProgram {
  std::vector<SortCriterion> criteria;
  SearchProgram search;
};

/// Algorithms of THREAD (RFC 5256 §3); `refs` is REFERENCES without subjects, ordered by what came last.
enum class ThreadBy : std::uint8_t { ordered_subject, references, refs };

/// What GETMETADATA asks for (RFC 5464 §4.2). Entry names are lower case, as they are compared.
struct AnnotationQuery {
  enum class Depth : std::uint8_t { entry, children, all };
  std::vector<std::string> entries;
  Depth depth = Depth::entry;
  std::optional<std::uint64_t> max_size;  ///< longer values are left out
};

/// An annotation of a mailbox or of the server (RFC 5464 §3).
struct Annotation {
  std::string entry;                         ///< lower case
  std::shared_ptr<const std::string> value;  ///< null: NIL
};
/// Whether an entry is of one user, not of all.
inline bool is_private(std::string_view entry) { return entry.starts_with("/private/"); }

/// Items of STATUS as bits.
enum StatusBit : std::uint32_t {
  kStatusMessages = 1,
  kStatusUidNext = 2,
  kStatusUidValidity = 4,
  kStatusUnseen = 8,
  kStatusRecent = 16,
  kStatusDeleted = 32,
  kStatusSize = 64,
  kStatusHighestModseq = 128,
  kStatusAppendLimit = 256,
  kStatusMailboxId = 512,
  kStatusDeletedStorage = 1024,  ///< RFC 9208 §4.1.4
};

/// Selection options of LIST (RFC 5258 §3.1, RFC 6154).
enum ListSelect : std::uint8_t {
  kSelectSubscribed = 1,
  kSelectRemote = 2,
  kSelectRecursiveMatch = 4,
  kSelectSpecialUse = 8,
};
/// Return options of LIST.
enum ListReturn : std::uint8_t {
  kListSubscribed = 1,
  kListChildren = 2,
  kListSpecialUse = 4,
  kListStatus = 8,
  kListMetadata = 16,
  kListMyRights = 32  ///< RFC 8440
};

struct ListProgram {
  std::string reference;              ///< UTF-8
  std::vector<std::string> patterns;  ///< UTF-8
  std::uint8_t select = 0;
  std::uint8_t returns = 0;
  std::uint32_t status = 0;  ///< of StatusBit, with kListStatus
  AnnotationQuery metadata;  ///< with kListMetadata (RFC 9590)
  bool extended = false;     ///< a selection or return option or a list of patterns was written
};

/// Attributes of a mailbox name as bits (RFC 9051 §7.3.1, RFC 6154).
enum NameBit : std::uint32_t {
  kNameNoSelect = 1,
  kNameNonExistent = 2,
  kNameNoInferiors = 4,
  kNameHasChildren = 8,
  kNameHasNoChildren = 16,
  kNameMarked = 32,
  kNameUnmarked = 64,
  kNameSubscribed = 128,
  kNameRemote = 256,
  kNameAll = 1 << 9,
  kNameArchive = 1 << 10,
  kNameDrafts = 1 << 11,
  kNameFlagged = 1 << 12,
  kNameJunk = 1 << 13,
  kNameSent = 1 << 14,
  kNameTrash = 1 << 15,
};
inline constexpr std::uint32_t kNameSpecialUse =
    kNameAll | kNameArchive | kNameDrafts | kNameFlagged | kNameJunk | kNameSent | kNameTrash;
/// The names in the order of the bits.
inline constexpr std::string_view kNameAttributes[] = {
    "\\Noselect", "\\NonExistent", "\\Noinferiors", "\\HasChildren", "\\HasNoChildren", "\\Marked",
    "\\Unmarked", "\\Subscribed",  "\\Remote",      "\\All",         "\\Archive",       "\\Drafts",
    "\\Flagged",  "\\Junk",        "\\Sent",        "\\Trash"};

enum class Access { read_write, read_only };

/// The QRESYNC parameter of SELECT (RFC 7162 §3.2.5).
struct Resynchronise {
  std::uint32_t uid_validity = 0;
  std::uint64_t modseq = 0;
  std::optional<SequenceSet> known_uids;
  std::optional<SequenceSet> sample_numbers;
  std::optional<SequenceSet> sample_uids;
};

}  // namespace angarium::protocol::imap
