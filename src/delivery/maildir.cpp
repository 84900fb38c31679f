#include "delivery/maildir.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "base/text.h"
#include "delivery/file_writer.h"
#include "message/maildir_name.h"

namespace angarium::delivery {
namespace {

constexpr int kNameAttempts = 3;

std::uint64_t next_delivery() {
  static std::atomic<std::uint64_t> count{0};
  return count.fetch_add(1, std::memory_order_relaxed) + 1;
}

/// The path above and the last name.
struct SplitPath {
  std::string above;
  std::string name;
};
SplitPath split_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return {.above = slash == 0 ? "/" : path.substr(0, slash), .name = path.substr(slash + 1)};
}

/// ".Work": a subfolder, that shares the quota of the Maildir it lies in.
bool is_subfolder(std::string_view name) { return name.size() > 1 && name.starts_with('.') && name != ".."; }

/// Opened, made if it is not there. `above` is open.
Step<Descriptor> open_or_make(Files& files, const Descriptor& above, const std::string& name, std::string_view path) {
  Answer<Descriptor> folder = files.open_folder(above, name);
  if (!folder && folder.error() == ENOENT) {
    const Answer<> made = files.make_folder(above, name);
    if (!made && made.error() != EEXIST) return fail_system(made.error(), "make", path);
    if (const Answer<> synced = files.sync(above); !synced)
      return fail_system(synced.error(), "sync the folder above", path);
    folder = files.open_folder(above, name);
  }
  if (!folder) return fail_system(folder.error(), "open", path);
  return *std::move(folder);
}

/// A folder with its three folders in it.
struct Maildir {
  Descriptor root;
  Descriptor temporary;
  Descriptor fresh;  ///< new
};

/// By its path, which may be a symbolic link to another disk.
Step<Descriptor> open_root(Files& files, const std::string& path) {
  Answer<Descriptor> root = files.open_folder(path);
  if (root) return *std::move(root);
  if (root.error() != ENOENT) return fail_system(root.error(), "open", path);
  const SplitPath split = split_path(path);
  const Answer<Descriptor> above = files.open_folder(split.above);
  if (!above) return fail_system(above.error(), "open", split.above);
  return open_or_make(files, *above, split.name, path);
}

Step<Maildir> open_maildir(Files& files, const std::string& path) {
  Maildir maildir;
  maildir.root = TRY(open_root(files, path));
  maildir.temporary = TRY(open_or_make(files, maildir.root, "tmp", path + "/tmp"));
  maildir.fresh = TRY(open_or_make(files, maildir.root, "new", path + "/new"));
  TRY(open_or_make(files, maildir.root, "cur", path + "/cur"));
  return maildir;
}

/// An empty file says that a folder is part of the Maildir above it.
Step<> mark_subfolder(Files& files, const Maildir& maildir, const std::string& path) {
  const std::string name = "maildirfolder";
  if (files.facts(maildir.root, name)) return {};
  const Answer<Descriptor> made = files.create(maildir.root, name, 0600);
  if (!made && made.error() != EEXIST) return fail_system(made.error(), "make maildirfolder in", path);
  if (const Answer<> synced = files.sync(maildir.root); !synced) return fail_system(synced.error(), "sync", path);
  return {};
}

class MaildirDelivery {
 public:
  MaildirDelivery(const Maildir& maildir, const std::string& path, const Surroundings& surroundings)
      : maildir_(maildir), path_(path), surroundings_(surroundings), files_(surroundings.files) {}

  /// The name in new.
  Step<std::string> put(Letter& letter) {
    Descriptor file = TRY(create());
    Step<std::string> name = write(letter, file);
    if (name) {
      if (Step<> published = publish(*name); !published) name = std::unexpected(std::move(published).error());
    }
    [[maybe_unused]] const Answer<> removed = files_.remove(maildir_.temporary, temporary_name_);
    return name;
  }
  /// Octets of the file.
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// Removes what crashes left in tmp; what cannot be removed stays.
  void sweep() {
    const Answer<std::vector<std::string>> names = files_.list(maildir_.temporary, kLeftoversMax);
    if (!names) return;
    for (const std::string& name : *names) {
      const Answer<FileFacts> facts = files_.facts(maildir_.temporary, name);
      if (facts && facts->kind == FileFacts::Kind::regular && written_s_ - facts->changed_s > kLeftover_s)
          [[maybe_unused]]
        const Answer<> removed = files_.remove(maildir_.temporary, name);
    }
  }

 private:
  Step<Descriptor> create() {
    for (int attempt = 1;; ++attempt) {
      unique_ = {.time = surroundings_.clock.wall(),
                 .process = surroundings_.process,
                 .delivery = next_delivery(),
                 .random = surroundings_.random.number(),
                 .host = surroundings_.host};
      temporary_name_ = message::make_maildir_base(unique_);
      Answer<Descriptor> file = files_.create(maildir_.temporary, temporary_name_, 0600);
      if (file) return *std::move(file);
      if (file.error() != EEXIST || attempt == kNameAttempts)
        return fail_system(file.error(), "make a file in", path_ + "/tmp");
    }
  }

  Step<std::string> write(Letter& letter, const Descriptor& file) {
    FileWriter out(files_, file, 0);
    UnixLines lines;
    LetterOctets octets(letter);
    while (true) {
      Result<std::string_view> piece = octets.next();
      if (!piece) return fail(kSystemTrouble, "the message cannot be read: " + piece.error().text());
      if (piece->empty()) break;
      while (!piece->empty()) TRY(write(out, lines.take(*piece)));
    }
    TRY(write(out, lines.finish()));
    if (const Answer<> flushed = out.flush(); !flushed) return failed(flushed.error(), "write");
    if (const Answer<> synced = files_.sync(file); !synced) return failed(synced.error(), "sync");
    const Answer<FileFacts> facts = files_.facts(file);
    if (!facts) return failed(facts.error(), "examine");
    written_s_ = facts->changed_s;
    unique_.size = size_;
    unique_.virtual_size = size_ + bare_line_ends_;
    return message::make_maildir_base(unique_);
  }

  Step<> write(FileWriter& out, std::string_view octets) {
    size_ += octets.size();
    for (std::size_t at = octets.find('\n'); at != std::string_view::npos; at = octets.find('\n', at + 1)) {
      const char before = at == 0 ? last_ : octets[at - 1];
      if (before != '\r') ++bare_line_ends_;
    }
    if (!octets.empty()) last_ = octets.back();
    if (const Answer<> written = out.write(octets); !written) return failed(written.error(), "write");
    return {};
  }

  std::unexpected<Outcome> failed(int code, std::string_view what) {
    return fail_system(code, what, path_ + "/tmp/" + temporary_name_);
  }

  /// The moment of delivery. A link replaces nothing; some file systems know none.
  Step<> publish(const std::string& name) {
    Answer<> named = files_.link(maildir_.temporary, temporary_name_, maildir_.fresh, name);
    if (!named && (named.error() == EPERM || named.error() == EOPNOTSUPP || named.error() == ENOSYS))
      named = files_.rename(maildir_.temporary, temporary_name_, maildir_.fresh, name);
    if (!named) return fail_system(named.error(), "name a file in", path_ + "/new");
    if (const Answer<> synced = files_.sync(maildir_.fresh); !synced) {
      [[maybe_unused]] const Answer<> removed = files_.remove(maildir_.fresh, name);
      return fail_system(synced.error(), "sync", path_ + "/new");
    }
    return {};
  }

  const Maildir& maildir_;
  const std::string& path_;
  const Surroundings& surroundings_;
  Files& files_;
  message::MaildirUnique unique_;
  std::string temporary_name_;
  std::uint64_t size_ = 0;
  std::uint64_t bare_line_ends_ = 0;
  std::int64_t written_s_ = 0;
  char last_ = '\0';
};

/// The quota's book: programs that keep one count it anew when it is wrong, so a failure here changes nothing.
void add_to_quota(Files& files, const Descriptor& root, std::uint64_t size) {
  [[maybe_unused]] const Answer<> added = files.append(root, "maildirsize", fmt::format("{} 1\n", size));
}

}  // namespace

Step<std::string> deliver_maildir(const MaildirTarget& target, Letter& letter, const Surroundings& surroundings) {
  Files& files = surroundings.files;
  const SplitPath split = split_path(target.path);
  const bool subfolder = is_subfolder(split.name);
  // A subfolder's Maildir is made first, as one that is whole.
  Maildir above;
  if (subfolder) above = TRY(open_maildir(files, split.above));
  const Maildir maildir = TRY(open_maildir(files, target.path));
  if (subfolder) TRY(mark_subfolder(files, maildir, target.path));

  MaildirDelivery delivery(maildir, target.path, surroundings);
  const std::string name = TRY(delivery.put(letter));
  // Maildir++: Trash is not counted.
  if (split.name != ".Trash") add_to_quota(files, subfolder ? above.root : maildir.root, delivery.size());
  delivery.sweep();
  return target.path + "/new/" + name;
}

}  // namespace angarium::delivery
