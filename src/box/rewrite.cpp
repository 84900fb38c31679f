#include "box/rewrite.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/crc32c.h"
#include "base/text.h"
#include "box/box.h"
#include "delivery/file_writer.h"

namespace angarium::box {
namespace {

using delivery::Answer;
using delivery::Descriptor;
using delivery::Files;

constexpr std::string_view kMagic = "angarium-rewrite 1 ";
/// Of a record that does not count yet, while the box is made longer.
constexpr std::string_view kIntent = "angarium-lengthen1 ";
static_assert(kIntent.size() == kMagic.size());
/// What a box is made longer by before it is written.
constexpr char kFiller = '\n';
/// Line ends that a delivery puts before its separator, at most.
constexpr std::uint64_t kSeparation = 2;
constexpr std::string_view kFrom = "From ";
constexpr std::size_t kHeadSize = kMagic.size() + 16 * 3 + 8 + 4;

Error cannot(std::string_view what, int number) {
  return {kHost, "cannot " + std::string(what) + ": " + strerrordesc_np(number)};
}

/// What the call answered, or an error with these words.
template <class T>
Result<T> told(Answer<T> answer, std::string_view what) {
  if (!answer) return std::unexpected(cannot(what, answer.error()));
  if constexpr (!std::is_void_v<T>)
    return *std::move(answer);
  else
    return {};
}

std::string hex(std::uint64_t number, int digits) {
  std::string text;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) text += "0123456789abcdef"[(number >> shift) & 15];
  return text;
}

std::optional<std::uint64_t> from_digits(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// One rewriting: octets [from, old_size) become [from, new_size).
struct Record {
  std::uint64_t from = 0;
  std::uint64_t old_size = 0;
  std::uint64_t new_size = 0;
  std::uint32_t crc = 0;  ///< of the old and the new octets
  std::uint64_t at = 0;   ///< where in the journal the record begins

  [[nodiscard]] std::uint64_t old_at() const { return at + kHeadSize; }
  [[nodiscard]] std::uint64_t new_at() const { return old_at() + old_size - from; }
  [[nodiscard]] std::uint64_t end() const { return new_at() + new_size - from; }

  [[nodiscard]] std::string head(std::string_view magic = kMagic) const {
    return std::string(magic) + hex(from, 16) + " " + hex(old_size, 16) + " " + hex(new_size, 16) + " " + hex(crc, 8) +
           "\n";
  }
  static std::optional<Record> parse(std::string_view text, std::uint64_t at, std::string_view magic = kMagic) {
    if (text.size() != kHeadSize || !text.starts_with(magic)) return std::nullopt;
    const std::string_view numbers = text.substr(magic.size());
    const auto from = from_digits(numbers.substr(0, 16));
    const auto old_size = from_digits(numbers.substr(17, 16));
    const auto new_size = from_digits(numbers.substr(34, 16));
    const auto crc = from_digits(numbers.substr(51, 8));
    if (!from || !old_size || !new_size || !crc || *from > *old_size || *from > *new_size) return std::nullopt;
    const Record record{*from, *old_size, *new_size, static_cast<std::uint32_t>(*crc), at};
    return record.head(magic) == text ? std::optional(record) : std::nullopt;
  }
};

/// The journal and the box, while the locks are held.
class Work {
 public:
  Work(Files& files, const Descriptor& folder, const Descriptor& journal, const Descriptor& box, std::string name)
      : files_(files), folder_(folder), journal_(journal), box_(box), name_(std::move(name)) {}

  /// Writes a record behind `at` of the journal: the old octets as they are in the box, and the new ones. Synced.
  Result<Record> record(std::uint64_t at, std::uint64_t from, std::uint64_t old_size, NewOctets& octets) {
    Record made{.from = from, .old_size = old_size, .new_size = from, .crc = 0, .at = at};
    delivery::FileWriter out(files_, journal_, made.old_at());
    for (std::uint64_t i = from; i < old_size;) {
      const std::string block = TRY(read(box_, i, std::min<std::uint64_t>(kRewriteBlock, old_size - i)));
      made.crc = crc32c(block, made.crc);
      TRY(told(out.write(block), "write what a box is to become"));
      i += block.size();
    }
    for (;;) {
      const std::string_view piece = TRY(octets.next());
      if (piece.empty()) break;
      made.crc = crc32c(piece, made.crc);
      made.new_size += piece.size();
      TRY(told(out.write(piece), "write what a box is to become"));
    }
    TRY(told(out.flush(), "write what a box is to become"));
    if (made.new_size > made.old_size) {
      // For who is killed, not for a host that stops: not synced. Blank lines do no harm, should it not be there.
      TRY(told(write_all(files_, journal_, at, made.head(kIntent)), "write what a box is to become"));
      TRY(lengthen(made));
    }
    // A record counts from here on.
    TRY(told(write_all(files_, journal_, at, made.head()), "write what a box is to become"));
    TRY(told(files_.sync(journal_), "write what a box is to become"));
    return made;
  }

  Result<> apply(const Record& record) {
    for (std::uint64_t i = record.from; i < record.new_size;) {
      const std::string block = TRY(read(journal_, record.new_at() + i - record.from,
                                         std::min<std::uint64_t>(kRewriteBlock, record.new_size - i)));
      TRY(told(write_all(files_, box_, i, block), "write the box"));
      i += block.size();
    }
    TRY(told(files_.sync(box_), "write the box"));
    if (record.new_size < record.old_size) {
      TRY(told(files_.truncate(box_, record.new_size), "cut the box"));
      TRY(told(files_.sync(box_), "write the box"));
    }
    return drop();
  }

  /// Takes back what the box was made longer by, where nobody has appended to it since.
  Result<> shorten(std::uint64_t size) {
    const std::uint64_t now = TRY(told(files_.facts(box_), "look at the box")).size;
    for (std::uint64_t i = size; i < now;) {
      const std::string block = TRY(read(box_, i, std::min<std::uint64_t>(kRewriteBlock, now - i)));
      if (block.find_first_not_of(kFiller) != std::string::npos) return {};
      i += block.size();
    }
    return now > size ? told(files_.truncate(box_, size), "cut the box") : Result<>();
  }

  /// A journal that does not count: nothing was written but blank lines, that would be the last message's.
  Result<> drop_unmade() {
    const std::string head = TRY(told(files_.read(journal_, 0, kHeadSize), "read " + name_));
    const auto record = Record::parse(head, 0, kIntent);
    if (record && TRY(is_whole(*record))) {
      const std::uint64_t size = TRY(told(files_.facts(box_), "look at the box")).size;
      if (size > record->old_size && TRY(look(*record, record->from, record->old_size)).all_old)
        TRY(shorten(record->old_size));
    }
    return drop();
  }

  Result<> drop() {
    TRY(told(files_.remove(folder_, name_), "remove " + name_));
    return told(files_.sync(folder_), "remove " + name_);
  }

  /// The last whole record.
  Result<std::optional<Record>> last_record() {
    std::optional<Record> last;
    for (std::uint64_t at = 0;;) {
      const std::string head = TRY(told(files_.read(journal_, at, kHeadSize), "read " + name_));
      const auto record = Record::parse(head, at);
      if (!record || !TRY(is_whole(*record))) return last;
      last = record;
      at = record->end();
    }
  }

  Result<> recover(const Record& record) {
    const std::uint64_t size = TRY(told(files_.facts(box_), "look at the box")).size;
    return record.new_size < record.old_size ? recover_shorter(record, size) : recover_longer(record, size);
  }

 private:
  /// Written, not only said: the room on the disk is then the box's. Blank lines do no harm, should it stay so.
  Result<> lengthen(const Record& record) {
    for (std::uint64_t i = record.old_size; i < record.new_size;) {
      const std::string block(std::min<std::uint64_t>(kRewriteBlock, record.new_size - i), kFiller);
      TRY(told(write_all(files_, box_, i, block), "make the box longer"));
      i += block.size();
    }
    return told(files_.sync(box_), "make the box longer");
  }

  /// At least one octet; less than is wanted is an error, for nobody else may cut the file now.
  Result<std::string> read(const Descriptor& file, std::uint64_t at, std::uint64_t count) {
    std::string block = TRY(told(files_.read(file, at, count), "read the box"));
    if (block.size() != count) return fail(kHost, "the box became shorter while it was read");
    return block;
  }

  Result<bool> is_whole(const Record& record) {
    const std::uint64_t size = TRY(told(files_.facts(journal_), "look at " + name_)).size;
    if (record.end() < record.at || record.end() > size) return false;
    std::uint32_t crc = 0;
    for (std::uint64_t i = record.old_at(); i < record.end();) {
      const std::string block = TRY(read(journal_, i, std::min<std::uint64_t>(kRewriteBlock, record.end() - i)));
      crc = crc32c(block, crc);
      i += block.size();
    }
    return crc == record.crc;
  }

  /// What the octets [begin, end) of the box are.
  struct Seen {
    bool all_old = true;  ///< beyond the old size: kFiller
    bool all_new = true;
    bool each_either = true;
  };
  Result<Seen> look(const Record& record, std::uint64_t begin, std::uint64_t end) {
    Seen seen;
    for (std::uint64_t i = begin; i < end;) {
      const std::uint64_t count = std::min<std::uint64_t>(kRewriteBlock, end - i);
      const std::string there = TRY(read(box_, i, count));
      const std::string before = TRY(part(record.old_at(), record.from, record.old_size, i, count));
      const std::string after = TRY(part(record.new_at(), record.from, record.new_size, i, count));
      seen.all_old = seen.all_old && there == before;
      seen.all_new = seen.all_new && there == after;
      for (std::size_t k = 0; k < there.size() && seen.each_either; ++k)
        seen.each_either = there[k] == before[k] || there[k] == after[k];
      i += count;
    }
    return seen;
  }
  /// Octets of the journal that stand for [i, i + count) of the box; kFiller beyond `size`.
  Result<std::string> part(std::uint64_t at, std::uint64_t from, std::uint64_t size, std::uint64_t i,
                           std::uint64_t count) {
    std::string octets;
    if (i < size) octets = TRY(read(journal_, at + i - from, std::min(count, size - i)));
    octets.resize(count, kFiller);
    return octets;
  }

  /// The box was as long as it was to be before the record counted: whatever others have appended stands behind.
  Result<> recover_longer(const Record& record, std::uint64_t size) {
    if (size < record.new_size) return set_aside();
    return TRY(look(record, record.from, record.new_size)).each_either ? apply(record) : set_aside();
  }

  Result<> recover_shorter(const Record& record, std::uint64_t size) {
    if (size < record.new_size) return set_aside();
    const Seen seen = TRY(look(record, record.from, record.new_size));
    const bool uncut = size >= record.old_size && TRY(look(record, record.new_size, record.old_size)).all_old;
    if (!uncut && !seen.all_new) return set_aside();
    if (!seen.each_either) return set_aside();
    if (uncut && seen.all_old && !seen.all_new) return drop();
    const std::uint64_t kept = uncut ? record.old_size : TRY(cut_end(record, size));
    if (kept == record.new_size) return drop();
    if (kept == record.old_size && size == kept) return apply(record);
    Joined joined(*this, record, kept, size);
    const Record both = TRY(this->record(record.end(), record.from, size, joined));
    return apply(both);
  }

  /// Where the old octets end that a cut in its middle has left behind the new ones: at the end of the file, or where
  /// mail begins that came in since.
  Result<std::uint64_t> cut_end(const Record& record, std::uint64_t size) {
    std::uint64_t same = record.new_size;
    const std::uint64_t end = std::min(size, record.old_size);
    while (same < end) {
      const std::uint64_t count = std::min<std::uint64_t>(kRewriteBlock, end - same);
      const std::string there = TRY(read(box_, same, count));
      const std::string before = TRY(part(record.old_at(), record.from, record.old_size, same, count));
      const auto differs = static_cast<std::size_t>(std::ranges::mismatch(there, before).in1 - there.begin());
      same += differs;
      if (differs < there.size()) break;
    }
    if (same == size) return size;
    // What a delivery puts before its separator may be the same as what stood there.
    for (std::uint64_t back = 0; back <= kSeparation && back <= same - record.new_size; ++back)
      if (TRY(mail_begins(same - back, size))) return same - back;
    return record.new_size;
  }

  Result<bool> mail_begins(std::uint64_t at, std::uint64_t size) {
    const std::string there = TRY(read(box_, at, std::min<std::uint64_t>(size - at, kSeparation + kFrom.size())));
    const std::size_t text = std::min(there.find_first_not_of('\n'), there.size());
    return text <= kSeparation && std::string_view(there).substr(text).starts_with(kFrom);
  }

  /// The new octets, then what others have appended.
  class Joined final : public NewOctets {
   public:
    /// What others have appended begins at octet `kept` of the box.
    Joined(Work& work, const Record& record, std::uint64_t kept, std::uint64_t size)
        : work_(work), record_(record), kept_(kept), size_(size) {}
    Result<std::string_view> next() override {
      const std::uint64_t octets = record_.new_size - record_.from;
      if (at_ < octets) {
        block_ = TRY(
            work_.read(work_.journal_, record_.new_at() + at_, std::min<std::uint64_t>(kRewriteBlock, octets - at_)));
      } else {
        const std::uint64_t from = kept_ + at_ - octets;
        block_ = TRY(work_.read(work_.box_, from, std::min<std::uint64_t>(kRewriteBlock, size_ - from)));
      }
      at_ += block_.size();
      return block_;
    }

   private:
    Work& work_;
    const Record& record_;
    std::uint64_t kept_;
    std::uint64_t size_;
    std::uint64_t at_ = 0;
    std::string block_;
  };

  /// Under a name that is free: what was set aside before may still be wanted.
  Result<> set_aside() {
    constexpr int kNamesMax = 100;
    std::string name = name_ + ".aside";
    for (int number = 2; files_.facts(folder_, name) && number <= kNamesMax; ++number)
      name = name_ + ".aside." + std::to_string(number);
    TRY(told(files_.rename(folder_, name_, folder_, name), "set " + name_ + " aside"));
    return told(files_.sync(folder_), "set " + name_ + " aside");
  }

  Files& files_;
  const Descriptor& folder_;
  const Descriptor& journal_;
  const Descriptor& box_;
  std::string name_;
};

Result<> recover(delivery::LockedMbox& box, const JournalPlace& place, const delivery::Surroundings& surroundings) {
  Files& files = surroundings.files;
  const Descriptor folder = TRY(told(files.open_folder(place.folder), "open " + place.folder));
  const auto entry = files.facts(folder, place.name);
  if (!entry && entry.error() == ENOENT) return {};
  const delivery::FileFacts facts = TRY(told(entry, "look at " + place.name));
  const delivery::FileFacts of_box = TRY(told(files.facts(box.file), "look at the box"));
  // In a folder where all may write, another user's file of that name is no word of ours.
  const bool ours = facts.owner == geteuid() || facts.owner == of_box.owner || facts.owner == 0;
  if (facts.kind != delivery::FileFacts::Kind::regular || facts.links != 1 || !ours) return {};
  const auto file = files.open(folder, place.name);
  if (!file && file.error() == EACCES)
    return fail(kHost, "root's change of this box was cut off: \"mail -f\" with its name, as root, ends it");
  if (!file) return std::unexpected(cannot("open " + place.name, file.error()));
  const delivery::FileFacts opened = TRY(told(files.facts(*file), "look at " + place.name));
  if (opened.owner != facts.owner || opened.links != 1) return {};
  Work work(files, folder, *file, box.file, place.name);
  const auto record = TRY(work.last_record());
  return record ? work.recover(*record) : work.drop_unmade();
}

}  // namespace

JournalPlaces journal_places(const std::string& box, const Host& here) {
  const std::size_t slash = box.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : box.substr(0, slash);
  const std::string name = box.substr(slash + 1);
  const std::string mark = hex(crc32c(here.delivery.host + ":" + folder), 8);
  return {.beside = {folder, name + ".rewrite"},
          .at_home = {here.home, ".mail-rewrite-" + mark + "-" + name},
          .may_write_beside = access(folder.c_str(), W_OK) == 0};
}

bool has_journal(const JournalPlaces& places) {
  const auto there = [](const JournalPlace& place) {
    return access((place.folder + "/" + place.name).c_str(), F_OK) == 0;
  };
  return there(places.beside) || there(places.at_home);
}

Result<> rewrite(delivery::LockedMbox& box, std::uint64_t size, std::uint64_t from, NewOctets& octets,
                 const JournalPlaces& places, const delivery::Surroundings& surroundings) {
  Files& files = surroundings.files;
  const JournalPlace& journal = places.may_write_beside ? places.beside : places.at_home;
  const Descriptor folder = TRY(told(files.open_folder(journal.folder), "open " + journal.folder));
  const Descriptor file = TRY(told(files.create(folder, journal.name, 0600), "make " + journal.name));
  Work work(files, folder, file, box.file, journal.name);
  const auto record = work.record(0, from, size, octets);
  const auto named = record ? told(files.sync(folder), "write " + journal.folder) : Result<>();
  if (!record || !named) {
    (void)files.remove(folder, journal.name);
    (void)work.shorten(size);
    return std::unexpected(record ? named.error() : record.error());
  }
  return work.apply(*record);
}

Result<> recover(delivery::LockedMbox& box, const JournalPlaces& places, const delivery::Surroundings& surroundings) {
  TRY(recover(box, places.beside, surroundings));
  return recover(box, places.at_home, surroundings);
}

}  // namespace angarium::box
