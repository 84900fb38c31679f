// A Maildir as a box.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "box/box.h"

namespace angarium::box {

/// Messages that one Maildir may have here.
inline constexpr std::size_t kMaildirFilesMax = 1'000'000;

class MaildirBox final : public Box {
 public:
  static Result<std::unique_ptr<Box>> open(const std::string& path);

  [[nodiscard]] const std::string& path() const override { return path_; }
  /// The file's name without what tells its flags.
  [[nodiscard]] std::string_view name(std::size_t number) const override;
  Result<std::string> start(std::size_t number, std::size_t max) override;
  Result<Came> came(std::size_t number) override;
  Result<std::size_t> look() override;
  Result<> write() override;

 private:
  explicit MaildirBox(std::string path) : path_(std::move(path)) {}
  struct File {
    std::string name;  ///< below the Maildir: "new/…", "cur/…"
  };
  Result<std::string> content(std::size_t number, std::size_t max);
  Result<> move(std::size_t number);

  std::string path_;
  std::vector<File> files_;
  std::set<std::string, std::less<>> known_;  ///< their bases
};

}  // namespace angarium::box
