// A Maildir as a box.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "box/box.h"
#include "box/keyword_table.h"
#include "message/maildir_name.h"

namespace angarium::box {

/// Messages that one Maildir may have here.
inline constexpr std::size_t kMaildirFilesMax = 1'000'000;

class MaildirBox final : public Box {
 public:
  static Result<std::unique_ptr<Box>> open(const std::string& path, const Host& here);

  [[nodiscard]] const std::string& path() const override { return path_; }
  /// The file's name without what tells its flags.
  [[nodiscard]] std::string_view name(std::size_t number) const override;
  Result<std::string> start(std::size_t number, std::size_t max) override;
  Result<Came> came(std::size_t number) override;
  Result<std::size_t> look() override;
  Result<> write() override;

 private:
  MaildirBox(std::string path, Host here) : path_(std::move(path)), here_(std::move(here)) {}
  struct File {
    std::string name;  ///< below the Maildir: "new/…", "cur/…"
  };
  Result<std::string> content(std::size_t number, std::size_t max);
  Result<> move(std::size_t number);
  Result<> read_names();
  Result<std::unique_ptr<KeywordTableLock>> lock_names();
  [[nodiscard]] Entry entry_of(const std::string& name, std::uint64_t octets) const;
  [[nodiscard]] bool is_lettered(const Entry& entry) const;
  [[nodiscard]] std::string name_of(const message::MaildirName& before, const Entry& entry) const;

  std::string path_;
  Host here_;
  std::vector<File> files_;
  std::vector<std::string> names_there_;      ///< of letters, as the table has them
  std::set<std::string, std::less<>> known_;  ///< their bases
};

}  // namespace angarium::box
