#include "delivery/mbox.h"

#include <fmt/format.h>

#include "base/text.h"
#include "delivery/file_writer.h"
#include "delivery/mbox_lock.h"
#include "message/mbox.h"

namespace angarium::delivery {
namespace {

/// Two line ends of CR LF: what is looked at of a file's end.
constexpr std::size_t kTailOctets = 4;

/// What has to stand between a file's end and a separator: the end of a torn line, and the blank line.
std::string_view missing_line_ends(std::string_view tail) {
  if (tail.empty()) return "";
  if (!tail.ends_with('\n')) return "\n\n";
  tail.remove_suffix(1);
  if (tail.ends_with('\r')) tail.remove_suffix(1);
  return tail.empty() || tail.ends_with('\n') ? "" : "\n";
}

class MboxDelivery {
 public:
  MboxDelivery(const MboxPlace& place, LockedMbox& box, const Surroundings& surroundings)
      : place_(place), box_(box), files_(surroundings.files), size_(box.facts.size) {}

  Step<> append(Letter& letter) {
    if (Step<> written = write(letter); !written) {
      take_back(written.error());
      return written;
    }
    return {};
  }

 private:
  Step<> write(Letter& letter) {
    const std::size_t tail_size = static_cast<std::size_t>(std::min<std::uint64_t>(size_, kTailOctets));
    const Answer<std::string> tail = files_.read(box_.file, size_ - tail_size, tail_size);
    if (!tail) return fail_system(tail.error(), "read", place_.path);
    FileWriter out(files_, box_.file, size_);
    message::MboxWriter writer;
    const std::string sender = letter.reverse_path.null() ? "" : letter.reverse_path.mailbox->text();
    TRY(put(out, missing_line_ends(*tail)));
    TRY(put(out, writer.begin(sender, message::DateTime::at(letter.received), letter.state)));
    LetterOctets octets(letter);
    while (true) {
      Result<std::string_view> piece = octets.next();
      if (!piece) return fail(kSystemTrouble, "the message cannot be read: " + piece.error().text());
      if (piece->empty()) break;
      while (!piece->empty()) TRY(put(out, writer.take(*piece)));
    }
    TRY(put(out, writer.finish()));
    if (const Answer<> flushed = out.flush(); !flushed) return fail_system(flushed.error(), "write", place_.path);
    return sync();
  }

  Step<> put(FileWriter& out, std::string_view octets) {
    const Answer<> written = out.write(octets);
    if (!written) return fail_system(written.error(), "write", place_.path);
    return {};
  }

  Step<> sync() {
    if (const Answer<> synced = files_.sync(box_.file); !synced)
      return fail_system(synced.error(), "sync", place_.path);
    if (size_ > 0) return {};
    // Its name may be new.
    const Answer<> synced = files_.sync(place_.folder);
    if (!synced) return fail_system(synced.error(), "sync the folder of", place_.path);
    return {};
  }

  /// The file as it was. What a second failure leaves behind is a torn message that the next delivery ends.
  void take_back(Outcome& why) {
    Answer<> cut = files_.truncate(box_.file, size_);
    if (!cut) cut = files_.truncate(box_.file, size_);
    if (!cut) why.words += "; a part of the message may stay in it";
    [[maybe_unused]] const Answer<> synced = files_.sync(box_.file);
  }

  const MboxPlace& place_;
  LockedMbox& box_;
  Files& files_;
  std::uint64_t size_;
};

}  // namespace

Step<std::string> deliver_mbox(const MboxTarget& target, Letter& letter, const Surroundings& surroundings) {
  const MboxPlace place = TRY(find_mbox(target.path, surroundings.files));
  LockedMbox box = TRY(lock_mbox(place, surroundings));
  TRY(MboxDelivery(place, box, surroundings).append(letter));
  return target.path;
}

}  // namespace angarium::delivery
