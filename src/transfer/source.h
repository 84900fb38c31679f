// Where mail comes from: folders of a source, each read message by message.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "message/box_state.h"
#include "transfer/error.h"
#include "transfer/fingerprint.h"
#include "transfer/frames.h"

namespace angarium::transfer {

/// Something that could not be brought, and where it is.
struct Defect {
  std::string place;
  std::string words;
};

/// A message of a source. Whole only when its octets were read.
struct Message {
  std::string place;         ///< in words: file, or file and number
  std::uint64_t octets = 0;  ///< about, before they were read
  message::BoxFlags flags = 0;
  std::vector<std::string> keywords;
  std::optional<std::int64_t> received;  ///< seconds since 1970
  int zone_minutes = 0;
  Fingerprint fingerprint{};
  std::vector<Fingerprint> also;  ///< further names that it goes by from now on, once it came in
};

/// A message that is named without being read.
struct Announced {
  Fingerprint fingerprint{};
  std::uint64_t octets = 0;  ///< about
};

/// Names that a source gives its messages may lose their meaning: the numbers of an IMAP server whose UIDVALIDITY is
/// another.
struct Epoch {
  Fingerprint begun{};    ///< known as soon as anything of this folder came in
  Fingerprint current{};  ///< known where what came in is known by the names that are used now
};

/// Reads one folder from its beginning. Blocks. One thread.
class Reader {
 public:
  virtual ~Reader() = default;
  /// Where names may lose their meaning; asked before anything else.
  [[nodiscard]] virtual std::optional<Epoch> epoch() const { return std::nullopt; }
  /// Messages that came in go by other names: they have to be known by their octets.
  virtual void name_by_octets() {}
  /// The next messages, at most so many, where they are known without reading: next() goes through these. None: next()
  /// goes through all.
  virtual std::vector<Announced> announce([[maybe_unused]] std::size_t max) { return {}; }
  /// Of those announced last, an octet each: next() goes past those that are not zero.
  virtual void pass([[maybe_unused]] std::string_view known) {}
  /// Goes to the next message; false after the last.
  virtual Result<bool> next() = 0;
  /// The next octets of the message, with CR LF line ends: a view until the next call; empty at its end. kPlace and
  /// kChanged are errors of this message; next() may follow. After any other there is nothing more to be had.
  virtual Result<std::string_view> read() = 0;
  [[nodiscard]] virtual const Message& message() const = 0;
};

/// Whether programs that would write to a box wait while it is read.
enum class Others : std::uint8_t { may_write, wait };

struct Folder {
  enum class Form : std::uint8_t { mbox, maildir, imap };
  Form form = Form::mbox;
  std::string name;  ///< in the source, as a name of ours: "INBOX", "lists/announce"
  std::string path;
  std::optional<mailbox::SpecialUse> use{};  ///< where the source tells it; else the name does
  Subscription subscription = Subscription::when_made;
  std::string there{};  ///< the name as an IMAP server gives it
  Others others = Others::may_write;
};

struct Found {
  std::vector<Folder> folders;      ///< sorted by name, INBOX first
  std::vector<Defect> passed_over;  ///< what looks like mail and is none we can read
  std::vector<Defect> left_out;     ///< what there is no need to read
};

/// Where an import comes from. Blocks. One thread.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;
  virtual Result<Found> find() = 0;
  /// `seed` names the folder: messages of another one have other fingerprints. One reader at a time. kPlace, kChanged:
  /// this folder alone; other errors end the source.
  virtual Result<std::unique_ptr<Reader>> open(const Folder& folder, const Fingerprint& seed) = 0;
  /// It is a single box without a name of its own.
  [[nodiscard]] virtual bool single([[maybe_unused]] const Found& found) const { return false; }
};

/// A file or folder of this host.
class LocalSource final : public Source {
 public:
  explicit LocalSource(std::string path) : path_(std::move(path)) {}
  Result<Found> find() override;
  Result<std::unique_ptr<Reader>> open(const Folder& folder, const Fingerprint& seed) override;
  [[nodiscard]] bool single(const Found& found) const override;

 private:
  std::string path_;
};

/// Levels of folders that are looked into, symbolic links counted: deeper ones are loops or no mail.
inline constexpr unsigned kFolderDepthMax = 32;
/// Entries of one folder that are looked at when folders are searched; in Maildir's own folders they are not counted.
inline constexpr std::size_t kEntriesMax = 100'000;

/// By name, INBOX first.
void sort_folders(std::vector<Folder>& folders);

/// Finds the folders of a source: an mbox file, a Maildir with its Maildir++ subfolders or with Maildirs in it, or a
/// tree of mbox files (Thunderbird's .sbd and Apple's .mbox folders too). Control files of Dovecot, Cyrus, Courier and
/// mail programs are left alone. kPlace.
Result<Found> find_folders(const std::string& path);

/// `seed` names the source: messages of another one have other fingerprints. kPlace.
Result<std::unique_ptr<Reader>> open_folder(const Folder& folder, const Fingerprint& seed);
Result<std::unique_ptr<Reader>> open_mbox(const std::string& path, const Fingerprint& seed,
                                          Others others = Others::may_write);
Result<std::unique_ptr<Reader>> open_maildir(const std::string& path, const Fingerprint& seed);

/// "open /home/anna/mail: Permission denied".
Error place_error(int number, std::string_view what, std::string_view path);

}  // namespace angarium::transfer
