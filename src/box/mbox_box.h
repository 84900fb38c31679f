// An mbox file as a box.
#pragma once

#include <memory>
#include <string>

#include "box/box.h"
#include "box/rewrite.h"
#include "delivery/files.h"
#include "message/mbox.h"

namespace angarium::box {

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
  class Anew;

  std::string path_;
  Host here_;
  delivery::Descriptor file_;
  message::MboxVariant variant_ = message::MboxVariant::mboxrd;
  std::vector<Place> places_;
  std::uint64_t begin_ = 0;  ///< of the first separator: behind the internal data
  std::uint64_t known_ = 0;  ///< octets that were looked at
  std::uint32_t crc_ = 0;    ///< of those
};

}  // namespace angarium::box
