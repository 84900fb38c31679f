// Messages written into a Maildir.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/text.h"
#include "delivery/letter.h"
#include "message/maildir_name.h"
#include "transfer/out_file.h"
#include "transfer/source.h"
#include "transfer/target.h"

namespace angarium::transfer {
namespace {

/// Messages that are made durable and get their names together.
constexpr std::size_t kTogether = 256;
/// Keywords of one folder that Maildir has letters for.
constexpr std::size_t kLetters = 26;

class MaildirBox final : public Box {
 public:
  MaildirBox(Format format, std::string path, std::string tag)
      : format_(format), path_(std::move(path)), tag_(std::move(tag)) {}

  Result<> look() {
    for (const char* part : {"/cur", "/new"}) TRY(find_present(path_ + part));
    return {};
  }

  Result<> open() override {
    for (const char* part : {"", "/tmp", "/new", "/cur"}) TRY(make_folders(path_ + part));
    const std::string mark = path_ + "/maildirfolder";
    const bool subfolder = format_ == Format::maildir_plus_plus && path_[path_.rfind('/') + 1] == '.';
    if (subfolder && ::access(mark.c_str(), F_OK) != 0) TRY(OutFile::create(mark));
    return read_keywords();
  }

  Result<mailbox::UidSet> present(const mailbox::UidSet& uids) override {
    return difference(uids, difference(uids, present_));
  }

  Result<> begin(const MessageHeader& header, std::string_view) override {
    header_ = header;
    // The name tells who made it: what a killed export left in tmp is found again by the next.
    base_ = fmt::format("{}.U{}.{}", header.received, header.uid, tag_);
    const std::string path = path_ + "/tmp/" + base_;
    (void)::unlink(path.c_str());
    file_ = TRY(OutFile::create(path));
    lines_ = delivery::UnixLines();
    line_ends_ = 0;
    return {};
  }

  Result<> write(std::string_view octets) override {
    while (!octets.empty()) TRY(put(lines_.take(octets)));
    return {};
  }

  Result<> end() override {
    TRY(put(lines_.finish()));
    TRY(file_->flush());
    const std::uint64_t size = file_->offset();
    const std::array<timespec, 2> times = {
        {{.tv_sec = header_.received, .tv_nsec = 0}, {.tv_sec = header_.received, .tv_nsec = 0}}};
    (void)::futimens(file_->descriptor(), times.data());
    file_.reset();
    const std::string sized = fmt::format("{},S={},W={}", base_, size, size + line_ends_);
    waiting_.push_back(
        {.temporary = base_, .name = message::format_maildir_name(sized, box_flags_of(header_.flags), letters())});
    return waiting_.size() < kTogether ? Result<>() : publish();
  }

  Result<> abandon() override {
    file_.reset();
    (void)::unlink((path_ + "/tmp/" + base_).c_str());
    return {};
  }

  /// What is present is told by the files.
  Result<> miss(mailbox::Uid) override { return {}; }

  Result<> finish() override {
    TRY(publish());
    return sync_folder(path_);
  }

 private:
  struct Waiting {
    std::string temporary;
    std::string name;
  };

  Result<> put(std::string_view octets) {
    line_ends_ += static_cast<std::uint64_t>(std::ranges::count(octets, '\n'));
    return file_->write(octets);
  }

  /// One sync of the file system instead of one a file.
  Result<> publish() {
    if (waiting_.empty()) return {};
    const delivery::Descriptor folder(::open((path_ + "/tmp").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || ::syncfs(folder.get()) != 0)
      return std::unexpected(place_error(errno, "sync", path_ + "/tmp"));
    for (const Waiting& one : waiting_)
      if (!TRY(rename_new(path_ + "/tmp/" + one.temporary, path_ + "/cur/" + one.name)))
        return fail(kForeign, escape_controls(path_ + "/cur/" + one.name, 4096) + " is there already");
    waiting_.clear();
    return sync_folder(path_ + "/cur");
  }

  /// Ours begin "received.Uuid.tag".
  Result<> find_present(const std::string& folder) {
    const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), ::closedir);
    if (!open && errno == ENOENT) return {};
    if (!open) return std::unexpected(place_error(errno, "open", folder));
    std::vector<mailbox::Uid> uids;
    while (const dirent* const entry = ::readdir(open.get())) {
      std::string_view name(entry->d_name);
      take_until(name, '.');
      const std::string_view uid = take_until(name, '.');
      if (!name.starts_with(tag_) || !uid.starts_with('U')) continue;
      if (const auto number = parse_number<mailbox::Uid>(uid.substr(1))) uids.push_back(*number);
    }
    std::ranges::sort(uids);
    for (const mailbox::Uid uid : uids) present_.add(uid);
    return {};
  }

  Result<> read_keywords() {
    const std::string path = path_ + "/dovecot-keywords";
    if (::access(path.c_str(), F_OK) != 0) return {};
    std::string text;
    const delivery::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 65536> block{};
    const ssize_t got = ::read(file.get(), block.data(), block.size());
    if (got < 0) return std::unexpected(place_error(errno, "read", path));
    text.assign(block.data(), static_cast<std::size_t>(got));
    for (std::string_view rest = text; !rest.empty();) {
      std::string_view line = take_until(rest, '\n');
      const auto number = parse_number<std::uint8_t>(take_until(line, ' '));
      if (!number || *number >= kLetters) continue;
      if (keywords_.size() <= *number) keywords_.resize(*number + std::size_t{1});
      keywords_[*number] = line;
    }
    return {};
  }

  /// The letters of the message's keywords; a further one of the folder is noted where Dovecot looks for it.
  std::string letters() {
    std::string letters;
    for (const std::string& keyword : header_.flags.keywords) {
      if (equals_ignore_case(keyword, "$Forwarded")) continue;
      auto at = std::ranges::find_if(keywords_, [&](const auto& known) { return equals_ignore_case(known, keyword); });
      if (at == keywords_.end()) {
        if (keywords_.size() == kLetters) continue;
        const std::string line = fmt::format("{} {}\n", keywords_.size(), keyword);
        const delivery::Descriptor file(::open((path_ + "/dovecot-keywords").c_str(),
                                               O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
        if (file.get() < 0 || ::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
          continue;
        at = keywords_.insert(keywords_.end(), keyword);
      }
      letters += static_cast<char>('a' + (at - keywords_.begin()));
    }
    return letters;
  }

  Format format_;
  std::string path_;
  std::string tag_;
  mailbox::UidSet present_;
  std::vector<std::string> keywords_;
  std::vector<Waiting> waiting_;
  MessageHeader header_;
  std::string base_;
  std::optional<OutFile> file_;
  delivery::UnixLines lines_;
  std::uint64_t line_ends_ = 0;
};

}  // namespace

Result<std::unique_ptr<Box>> look_at_maildir(Format format, const BoxOwner& owner, const std::string& path) {
  auto box = std::make_unique<MaildirBox>(format, path, tag_of(owner));
  TRY(box->look());
  return box;
}

}  // namespace angarium::transfer
