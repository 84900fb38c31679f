// An mbox file as a box.
#pragma once

#include <memory>
#include <string>

#include "box/box.h"
#include "box/header_anew.h"
#include "box/rewrite.h"
#include "delivery/files.h"
#include "message/mbox.h"

namespace angarium::box {

/// Messages of an mbox file, each of which takes memory, as files of a Maildir do: beyond that it is not opened.
inline constexpr std::size_t kMboxMessagesMax = 1'000'000;
/// Keywords that are named in an mbox here: as many as c-client reads (NUSERFLAGS). Of more that others named,
/// kKeywordsMax are known.
inline constexpr std::size_t kMboxKeywordsMax = 30;
/// Octets of a name that is given to an mbox: Dovecot (mail_max_keyword_length) takes no longer one, and deletes the
/// X-Keywords that have it.
inline constexpr std::size_t kMboxKeywordOctetsMax = 50;

class MboxBox final : public Box {
 public:
  static Result<std::unique_ptr<Box>> open(const std::string& path, const Host& here, Access access);

  [[nodiscard]] const std::string& path() const override { return path_; }
  Result<std::string> start(std::size_t number, std::size_t max) override;
  Result<Came> came(std::size_t number) override;
  Result<std::size_t> look() override;
  Result<> write() override;

 private:
  MboxBox(std::string path, Host here) : path_(std::move(path)), here_(std::move(here)) {}

  /// Where a message lies: its separator line, and where the next one's begins.
  struct Place {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  Result<> scan(std::uint64_t from);
  Result<> take_message(std::uint64_t text_at);
  Result<> check_unchanged(const delivery::Descriptor& file, std::uint64_t size);
  Result<std::string> octets_at(std::uint64_t at, std::uint64_t count) const;
  Result<> reopen();
  void take_base(const message::MboxBase& base);
  [[nodiscard]] Entry entry_of(const message::BoxState& state) const;
  [[nodiscard]] bool has_other_flags(const Entry& entry) const;
  [[nodiscard]] bool has_other_keywords(const Entry& entry) const;
  [[nodiscard]] std::vector<std::string> words_of(const Entry& entry) const;
  [[nodiscard]] std::optional<StateAnew> state_anew(const Entry& entry) const;
  [[nodiscard]] std::optional<message::MboxBase> base_to_write() const;
  void drop_base();
  class Anew;

  std::string path_;
  Host here_;
  delivery::Descriptor file_;
  message::MboxVariant variant_ = message::MboxVariant::mboxrd;
  std::vector<Place> places_;
  std::uint64_t begin_ = 0;  ///< of the first separator: behind the internal data
  std::uint64_t known_ = 0;  ///< octets that were looked at
  std::uint32_t crc_ = 0;    ///< of those
  /// X-IMAPbase of the first message, by which other programs believe keywords and numbers.
  std::optional<message::MboxBase> base_;
  std::uint32_t uid_ = 0;     ///< the last X-UID that those programs believe
  bool is_numbered_ = false;  ///< one behind the first message has such a number
};

}  // namespace angarium::box
