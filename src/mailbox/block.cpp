#include "mailbox/block.h"

#include <algorithm>
#include <array>

#include "mailbox/codec.h"

namespace angarium::mailbox {

namespace {

// Sections of a stored block. The snapshot, if there is one, stands first.
constexpr char kSnapshot = 'T';  // length, entries
constexpr char kAdd = 'B';       // count, entries
// The same as they were written before entries had save dates.
constexpr char kOldSnapshot = 'S';
constexpr char kOldAdd = 'A';
constexpr char kChange = 'F';  // mode, system flags, keywords, MODSEQ, ranges
constexpr char kRemove = 'R';  // ranges

// Entry::open_end and Entry::ascii_form, among the flags of a stored entry.
constexpr std::uint64_t kOpenEnd = 1U << 7;
constexpr std::uint64_t kAsciiForm = 1U << 6;
static_assert(kAsciiForm > kSystemFlagsAll);

// Changes beyond this and beyond the snapshot's own size are folded into a new snapshot: decoding stays within a
// small factor of the least, and a merge rewrites each octet a bounded number of times.
constexpr std::size_t kChangesMin = 1024;

void put_keywords(std::string& out, std::uint64_t low, std::span<const std::uint16_t> high) {
  put_number(out, low);
  put_number(out, high.size());
  std::uint16_t before = 0;
  for (const std::uint16_t index : high) {
    put_number(out, static_cast<std::uint64_t>(index - before));
    before = index;
  }
}

KeywordSet read_keywords(RecordReader& reader) {
  KeywordSet set;
  set.low = reader.number();
  const std::uint64_t count = reader.number_up_to(kKeywordsMax);
  std::uint64_t index = 0;
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    index += reader.number_up_to(kKeywordsMax);
    if (index < 64 || index >= kKeywordsMax) reader.broken();
    if (reader.ok()) set.insert(static_cast<std::uint16_t>(index));
  }
  return set;
}

/// What the next entry is written against.
struct Before {
  Uid uid = 0;
  EmailId email = 0;
  Modseq modseq = 0;
  std::int64_t date = 0;
};

/// Save dates lie within so many seconds of the others that an entry can have.
constexpr std::int64_t kSavedFar = std::int64_t{1} << 40;

/// 0: not known. One octet where it is the date.
void put_saved(std::string& out, std::optional<std::int64_t> saved, std::int64_t date) {
  const std::int64_t apart = saved ? *saved - date : 0;
  put_number(out, saved ? 1 + (static_cast<std::uint64_t>(apart) << 1 ^ static_cast<std::uint64_t>(apart >> 63)) : 0);
}

std::optional<std::int64_t> read_saved(RecordReader& reader, std::int64_t date) {
  const std::uint64_t number = reader.number_up_to(2 * static_cast<std::uint64_t>(kSavedFar));
  if (number == 0) return std::nullopt;
  return date + static_cast<std::int64_t>((number - 1) >> 1 ^ (0 - ((number - 1) & 1)));
}

void put_entry(std::string& out, const Entry& entry, std::span<const std::uint16_t> high, std::int64_t growth,
               std::optional<std::int64_t> saved, Before& before) {
  out.push_back(static_cast<char>(entry.uid & 0xFF));
  // One number holds the zone, mostly 0, the usual flags and whether any keyword follows.
  static_assert(kSystemFlagsAll <= 0xFF);
  const bool keywords = entry.keywords != 0 || !high.empty();
  const auto zone = static_cast<std::uint64_t>(entry.zone) & 0x7F;
  const std::uint64_t flags = entry.flags() | (entry.open_end ? kOpenEnd : 0) | (entry.ascii_form ? kAsciiForm : 0);
  put_number(out, zone << 9 | flags << 1 | (keywords ? 1 : 0));
  if (keywords) put_keywords(out, entry.keywords, high);
  put_signed(out, static_cast<std::int64_t>(entry.email - before.email));
  put_signed(out, static_cast<std::int64_t>(entry.modseq - before.modseq));
  put_signed(out, entry.date - before.date);
  put_number(out, entry.size);
  if (entry.ascii_form) put_signed(out, growth);
  put_saved(out, saved, entry.date);
  before = {entry.uid, entry.email, entry.modseq, entry.date};
}

enum class SaveDates : std::uint8_t { none, written };

NewEntry read_entry(RecordReader& reader, std::uint32_t number, SaveDates dates, Before& before) {
  NewEntry result;
  Entry& entry = result.entry;
  entry.uid = number << 8 | reader.octet();
  const std::uint64_t flags = reader.number_up_to(2 * 0xFFFF + 1);
  entry.flag_bits = static_cast<SystemFlags>(flags >> 1 & 0xFF & ~(kOpenEnd | kAsciiForm));
  entry.open_end = (flags >> 1 & kOpenEnd) != 0 ? -1 : 0;
  entry.ascii_form = (flags >> 1 & kAsciiForm) != 0 ? -1 : 0;
  entry.zone = static_cast<std::int64_t>(flags << 48) >> 57;
  if (flags & 1) result.keywords = read_keywords(reader);
  entry.email = before.email + static_cast<std::uint64_t>(reader.signed_number());
  entry.modseq = before.modseq + static_cast<std::uint64_t>(reader.signed_number());
  // Not beyond what the field holds: ±8,700 years.
  const auto date = static_cast<std::uint64_t>(before.date) + static_cast<std::uint64_t>(reader.signed_number());
  entry.date = static_cast<std::int64_t>(date << 25) >> 25;
  entry.size = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  if (entry.ascii_form) result.growth = reader.signed_number();
  if (dates == SaveDates::written) result.saved = read_saved(reader, entry.date);
  if (entry.uid == 0 || result.growth > std::int64_t{entry.size} || result.growth < -std::int64_t{entry.size})
    reader.broken();
  before = {entry.uid, entry.email, entry.modseq, entry.date};
  return result;
}

void put_ranges(std::string& out, std::span<const UidRange> uids) {
  put_number(out, uids.size());
  for (const auto [first, last] : uids) {
    out.push_back(static_cast<char>(first & 0xFF));
    out.push_back(static_cast<char>(last & 0xFF));
  }
}

template <class F>
void read_ranges(RecordReader& reader, std::uint32_t number, F&& each) {
  const std::uint64_t count = reader.number_up_to(128);
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    const Uid first = number << 8 | reader.octet();
    const Uid last = number << 8 | reader.octet();
    if (last < first) reader.broken();
    if (reader.ok()) each(UidRange{first, last});
  }
}

/// Octets of the snapshot section at the start, with its header; 0 when there is none.
std::size_t snapshot_size(std::string_view stored) {
  if (stored.empty() || (stored.front() != kSnapshot && stored.front() != kOldSnapshot)) return 0;
  RecordReader reader(stored.substr(1));
  const std::string_view snapshot = reader.octets();
  return reader.ok() ? static_cast<std::size_t>(snapshot.data() + snapshot.size() - stored.data()) : 0;
}

}  // namespace

void Tally::count(const Entry& entry, int times) {
  messages += times;
  if (!entry.has(kSeen)) unseen += times;
  if (entry.has(kDeleted)) deleted += times;
  octets += times * std::int64_t{entry.size};
}

Tally& Tally::operator+=(const Tally& other) {
  messages += other.messages;
  unseen += other.unseen;
  deleted += other.deleted;
  octets += other.octets;
  return *this;
}

Tally& Tally::operator-=(const Tally& other) {
  messages -= other.messages;
  unseen -= other.unseen;
  deleted -= other.deleted;
  octets -= other.octets;
  return *this;
}

std::size_t Block::lower_bound(Uid uid) const {
  return static_cast<std::size_t>(
      std::lower_bound(entries_.begin(), entries_.end(), uid, [](const Entry& e, Uid u) { return e.uid < u; }) -
      entries_.begin());
}

const Entry* Block::find(Uid uid) const {
  const std::size_t at = lower_bound(uid);
  return at < entries_.size() && entries_[at].uid == uid ? &entries_[at] : nullptr;
}

KeywordSet Block::keywords(const Entry& entry) const {
  KeywordSet set;
  set.low = entry.keywords;
  if (!entry.spilled) return set;
  const auto at = std::lower_bound(spill_.begin(), spill_.end(), entry.uid,
                                   [](const auto& spill, Uid uid) { return spill.first < uid; });
  if (at != spill_.end() && at->first == entry.uid) set.high = at->second;
  return set;
}

std::int64_t Block::growth(const Entry& entry) const {
  if (!entry.ascii_form) return 0;
  const auto at = std::ranges::lower_bound(growth_, entry.uid, {}, &std::pair<Uid, std::int64_t>::first);
  return at != growth_.end() && at->first == entry.uid ? at->second : 0;
}

std::optional<std::int64_t> Block::saved(const Entry& entry) const {
  if (!entry.saved) return std::nullopt;
  if (!entry.saved_apart) return entry.date;
  const auto at = std::ranges::lower_bound(saved_, entry.uid, {}, &std::pair<Uid, std::int64_t>::first);
  if (at == saved_.end() || at->first != entry.uid) return std::nullopt;
  return at->second;
}

Sizes Block::sizes(const Entry& entry) const {
  const std::int64_t more = growth(entry);
  // An entry has the larger size.
  return {.original = static_cast<std::uint32_t>(entry.size - std::max<std::int64_t>(more, 0)),
          .ascii = static_cast<std::uint32_t>(entry.size + std::min<std::int64_t>(more, 0))};
}

void Block::set_keywords(Entry& entry, const KeywordSet& keywords) {
  entry.keywords = keywords.low;
  const auto at = std::lower_bound(spill_.begin(), spill_.end(), entry.uid,
                                   [](const auto& spill, Uid uid) { return spill.first < uid; });
  const bool there = at != spill_.end() && at->first == entry.uid;
  if (keywords.high.empty()) {
    if (there) spill_.erase(at);
    entry.spilled = 0;
  } else {
    if (there)
      at->second = keywords.high;
    else
      spill_.emplace(at, entry.uid, keywords.high);
    entry.spilled = -1;
  }
}

Tally Block::add(const NewEntry& added) {
  Tally tally;
  const std::size_t at = lower_bound(added.entry.uid);
  if (at < entries_.size() && entries_[at].uid == added.entry.uid) return tally;
  auto entry = entries_.insert(entries_.begin() + static_cast<std::ptrdiff_t>(at), added.entry);
  set_keywords(*entry, added.keywords);
  if (entry->ascii_form) {
    const auto after = std::ranges::lower_bound(growth_, entry->uid, {}, &std::pair<Uid, std::int64_t>::first);
    growth_.emplace(after, entry->uid, added.growth);
  }
  entry->saved = added.saved ? -1 : 0;
  entry->saved_apart = added.saved && *added.saved != entry->date ? -1 : 0;
  if (entry->saved_apart) {
    const auto after = std::ranges::lower_bound(saved_, entry->uid, {}, &std::pair<Uid, std::int64_t>::first);
    saved_.emplace(after, entry->uid, *added.saved);
  }
  modseq_max_ = std::max(modseq_max_, entry->modseq);
  tally.count(*entry);
  tally_ += tally;
  return tally;
}

bool Block::apply_flags(Entry& entry, const FlagChange& change) {
  const SystemFlags before = entry.flags();
  SystemFlags after = before;
  switch (change.mode) {
    case FlagMode::replace: after = change.system; break;
    case FlagMode::add: after = before | change.system; break;
    case FlagMode::remove: after = before & static_cast<SystemFlags>(~change.system); break;
  }
  entry.flag_bits = after;
  bool changed = after != before;
  if (change.mode == FlagMode::replace || !change.keywords.empty()) {
    const KeywordSet old = keywords(entry);
    KeywordSet now = old;
    if (change.mode == FlagMode::replace) now = change.keywords;
    if (change.mode == FlagMode::add) now.insert(change.keywords);
    if (change.mode == FlagMode::remove) now.erase(change.keywords);
    if (now != old) {
      set_keywords(entry, now);
      changed = true;
    }
  }
  return changed;
}

Tally Block::change(const FlagChange& change, UidRange uids, Modseq modseq) {
  Tally tally;
  for (std::size_t i = lower_bound(uids.first); i < entries_.size() && entries_[i].uid <= uids.last; ++i) {
    Entry& entry = entries_[i];
    tally.count(entry, -1);
    if (apply_flags(entry, change)) {
      entry.modseq = modseq;
      modseq_max_ = std::max(modseq_max_, modseq);
    }
    tally.count(entry);
  }
  tally_ += tally;
  return tally;
}

Tally Block::remove(UidRange uids) {
  Tally tally;
  const std::size_t first = lower_bound(uids.first);
  std::size_t end = first;
  for (; end < entries_.size() && entries_[end].uid <= uids.last; ++end) tally.count(entries_[end], -1);
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(first),
                 entries_.begin() + static_cast<std::ptrdiff_t>(end));
  const auto removed = [&](const auto& of) { return of.first >= uids.first && of.first <= uids.last; };
  std::erase_if(spill_, removed);
  std::erase_if(growth_, removed);
  std::erase_if(saved_, removed);
  tally_ += tally;
  return tally;
}

std::string Block::encode() const {
  std::string entries;
  entries.reserve(entries_.size() * 14 + 16);
  put_number(entries, modseq_max_);
  put_number(entries, entries_.size());
  Before before;
  for (const Entry& entry : entries_) {
    const KeywordSet spilled = entry.spilled ? keywords(entry) : KeywordSet{};
    put_entry(entries, entry, spilled.high, growth(entry), saved(entry), before);
  }
  std::string result(1, kSnapshot);
  put_octets(result, entries);
  return result;
}

Result<> Block::apply(std::string_view changes) {
  RecordReader reader(changes);
  while (!reader.at_end() && reader.ok()) {
    const auto section = static_cast<char>(reader.octet());
    switch (section) {
      case kOldAdd:
      case kAdd: {
        const auto dates = section == kAdd ? SaveDates::written : SaveDates::none;
        const std::uint64_t count = reader.number_up_to(256);
        Before before;
        for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
          const NewEntry added = read_entry(reader, number_, dates, before);
          if (reader.ok()) add(added);
        }
        break;
      }
      case kChange: {
        FlagChange flags;
        flags.mode = static_cast<FlagMode>(reader.number_up_to(2));
        flags.system = static_cast<SystemFlags>(reader.number_up_to(kSystemFlagsAll));
        flags.keywords = read_keywords(reader);
        const Modseq modseq = reader.number();
        read_ranges(reader, number_, [&](UidRange uids) { change(flags, uids, modseq); });
        break;
      }
      case kRemove: read_ranges(reader, number_, [&](UidRange uids) { remove(uids); }); break;
      default: reader.broken();
    }
  }
  if (!reader.ok()) return fail(kDamaged, "a block of messages is damaged");
  return {};
}

Result<Block> Block::decode(std::uint32_t number, std::string_view stored) {
  Block block(number);
  if (const std::size_t size = snapshot_size(stored); size != 0) {
    const auto dates = stored.front() == kSnapshot ? SaveDates::written : SaveDates::none;
    RecordReader section(stored.substr(1, size - 1));
    RecordReader reader(section.octets());
    block.modseq_max_ = reader.number();
    const std::uint64_t count = reader.number_up_to(256);
    block.entries_.reserve(count);
    Before before;
    for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
      const NewEntry added = read_entry(reader, number, dates, before);
      if (reader.ok()) block.add(added);
    }
    if (!reader.ok() || !reader.at_end() || block.entries_.size() != count)
      return fail(kDamaged, "a block of messages is damaged");
    stored.remove_prefix(size);
  }
  TRY(block.apply(stored));
  return block;
}

std::string add_operand(std::span<const NewEntry> added) {
  std::string out(1, kAdd);
  put_number(out, added.size());
  Before before;
  for (const NewEntry& item : added) {
    Entry entry = item.entry;
    entry.keywords = item.keywords.low;
    put_entry(out, entry, item.keywords.high, item.growth, item.saved, before);
  }
  return out;
}

std::string change_operand(const FlagChange& change, std::span<const UidRange> uids, Modseq modseq) {
  std::string out(1, kChange);
  put_number(out, static_cast<std::uint64_t>(change.mode));
  put_number(out, change.system);
  put_keywords(out, change.keywords.low, change.keywords.high);
  put_number(out, modseq);
  put_ranges(out, uids);
  return out;
}

std::string remove_operand(std::span<const UidRange> uids) {
  std::string out(1, kRemove);
  put_ranges(out, uids);
  return out;
}

std::string merge_block(std::uint32_t number, std::string_view stored, std::span<const std::string_view> operands) {
  std::string result(stored);
  for (const std::string_view operand : operands) result += operand;
  const std::size_t snapshot = snapshot_size(result);
  if (result.size() - snapshot <= std::max(kChangesMin, snapshot)) return result;
  // A damaged block stays as it is: whoever reads it is told.
  auto block = Block::decode(number, result);
  return block ? block->encode() : result;
}

}  // namespace angarium::mailbox
