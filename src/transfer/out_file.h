// A file of this host that the command writes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "delivery/files.h"

namespace angarium::transfer {

/// Gathers what is written. kPlace.
class OutFile {
 public:
  /// A new one.
  static Result<OutFile> create(const std::string& path);
  /// One that is there, to go on at this offset; what stands behind it is cut off.
  static Result<OutFile> reopen(const std::string& path, std::uint64_t offset);
  /// An open one that goes on there; nothing is cut off.
  static OutFile at(int descriptor, const std::string& path, std::uint64_t offset);

  Result<> write(std::string_view octets);
  Result<> flush();
  /// Durable.
  Result<> sync();
  /// Goes back: what was written from there on is gone.
  Result<> cut(std::uint64_t offset);
  [[nodiscard]] std::uint64_t offset() const { return offset_ + held_.size(); }
  [[nodiscard]] int descriptor() const { return borrowed_ >= 0 ? borrowed_ : file_.get(); }

 private:
  delivery::Descriptor file_;
  int borrowed_ = -1;
  std::string path_;
  std::uint64_t offset_ = 0;  ///< where held_ goes
  std::string held_;
};

/// Makes the folder and those above it that are missing. For root all of them are root's and none is a link: who makes
/// one first would else be given what is laid there. kPlace.
Result<> make_folders(const std::string& path);
/// Makes names in a folder durable. kPlace.
Result<> sync_folder(const std::string& path);
/// Gives a file another name that nobody has: false when somebody does. kPlace.
Result<bool> rename_new(const std::string& from, const std::string& to);

}  // namespace angarium::transfer
