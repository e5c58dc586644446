#include "harness/studies/encoder_data.hpp"

#include <thread>
#include <utility>

#include <fmt/format.h>

#include "libnorm/data/topics.hpp"

namespace harness {
namespace {

using libnorm::DataError;

constexpr const char* kOfficial = "official";
constexpr const char* kSubset = "subset";
/// A name of the task and of its texts.
constexpr std::string_view kTopics = kGeneratedTask;

std::string name_of(const Dataset& data, const std::string& known, bool is_known) {
  return is_known ? known : "unknown_" + data.corpus_sha256.substr(0, 16);
}

std::shared_ptr<const EncoderData> load(const EncoderOptions& options, const DataFolder& folder,
                                        Trust trust, const std::filesystem::path& cache) {
  LoadOptions load;
  load.rows = options.rows;
  load.max_length = options.length;
  load.trust = trust;
  load.vocabulary_size = trust == Trust::known ? kBertVocabulary : 0;
  load.threads = int(std::max(1u, std::thread::hardware_concurrency()));
  load.cache = cache;
  if (options.texts == Texts::subset && trust == Trust::known) load.selection = Selection::subset;
  Dataset train = load_dataset(folder, Split::train, load);
  if (options.texts == Texts::official && train.text.known == KnownFile::ag_news_subset) {
    throw DataError(fmt::format(
        "data: {} has the 47,598 rows of the subset; this profile needs the 120,000 of the "
        "published train split: `scripts/fetch_data`, or use --profile subset",
        train.text.path.string()));
  }
  load.selection = Selection::whole;
  load.rows = options.test_rows;
  Dataset test = load_dataset(folder, Split::test, load);

  const bool known_words = train.vocabulary.known == KnownFile::bert_vocabulary;
  const bool known_train = known_words && (train.text.known == KnownFile::ag_news_train ||
                                           load.selection == Selection::subset ||
                                           train.text.known == KnownFile::ag_news_subset);
  auto data = std::make_shared<EncoderData>();
  data->task = kNewsTask;
  data->train_name =
      name_of(train, options.texts == Texts::subset ? kSubset : kOfficial, known_train);
  data->test_name =
      name_of(test, kOfficial, known_words && test.text.known == KnownFile::ag_news_test);
  data->description = fmt::format(
      "AG News. Train: {}, tokens sha256 {:.16}. Test: {}, tokens "
      "sha256 {:.16}",
      train.description, train.corpus_sha256, test.description, test.corpus_sha256);
  data->vocabulary = train.vocabulary.lines;
  data->train = std::move(train.corpus);
  data->test = std::move(test.corpus);
  return data;
}

std::shared_ptr<const EncoderData> generate(const EncoderOptions& options, std::uint64_t seed) {
  constexpr std::uint32_t kTrain = 0, kTest = 1;
  libnorm::Topics topics;
  topics.classes = kTextClasses;
  topics.vocabulary = options.vocabulary;
  topics.length = options.length;
  // As in AG News, texts fill two fifths of the length that they are padded to.
  topics.mean_length = std::max<Index>(8, options.length * 53 / 128);
  auto data = std::make_shared<EncoderData>(EncoderCorpora::expected(options, kTopics));
  data->train = topics.draw(seed, kTrain, generated_rows(options));
  data->test = topics.draw(seed, kTest, generated_test_rows(options));
  data->description = fmt::format(
      "generated texts (topics), NOT AG News: {} to train on, {} to test on, a vocabulary of {}",
      data->train.size(), data->test.size(), options.vocabulary);
  return data;
}

}  // namespace

EncoderCorpora::EncoderCorpora(const EncoderOptions& options,
                               const std::optional<std::filesystem::path>& folder, Trust trust,
                               const std::filesystem::path& cache)
    : options_(options) {
  if (options.texts == Texts::topics) return;
  const auto found = find_data(folder ? folder->string() : "");
  if (found) shared_ = load(options, *found, trust, cache);
}

std::shared_ptr<const EncoderData> EncoderCorpora::of_seed(std::uint64_t seed) const {
  return shared_ != nullptr ? shared_ : generate(options_, seed);
}

EncoderData EncoderCorpora::names() const {
  if (shared_ == nullptr) return expected(options_, kTopics);
  EncoderData data;
  data.task = shared_->task;
  data.train_name = shared_->train_name;
  data.test_name = shared_->test_name;
  data.vocabulary = shared_->vocabulary;
  return data;
}

Index EncoderCorpora::train_rows() const {
  return shared_ != nullptr ? shared_->train.size() : generated_rows(options_);
}

bool EncoderCorpora::is_known() const {
  if (shared_ == nullptr) return true;
  const EncoderData known = expected(options_, shared_->task);
  return known.train_name == shared_->train_name && known.test_name == shared_->test_name;
}

EncoderData EncoderCorpora::expected(const EncoderOptions& options, std::string_view task) {
  EncoderData data;
  data.task = task;
  if (task == kTopics) {
    data.train_name = data.test_name = kTopics;
    data.vocabulary = options.vocabulary;
  } else {
    data.train_name = options.texts == Texts::subset ? kSubset : kOfficial;
    data.test_name = kOfficial;
    data.vocabulary = kBertVocabulary;
  }
  return data;
}

}  // namespace harness
