/* What commands read: model files (with the default model) and pictures. */
#ifndef CLI_INPUTS_H
#define CLI_INPUTS_H

#include "command.h"
#include "mobilenet/dataset.h"
#include "mobilenet/image.h"
#include "mobilenet/model.h"

/* Opens `path`, or the default model beside the program where path is NULL; *opened (may be NULL) is the path, valid
 * while the program runs. Returns CLI_DONE or, having said why, CLI_FAILED. */
int cli_model_open(const cli_call *call, const char *path, mn_model **model, const char **opened);

/* The model's labels, for the data to resolve names by: free() the array; NULL where it has none. */
const char **cli_model_labels(const mn_model *model);

/* Whether class k of the data is class k of the model by name, for every k. */
bool cli_same_names(const mn_model *model, const mn_dataset *data);

/* Folder of the program: of the running file where the system tells, else of argv[0]. */
void cli_program_folder(const char *program, char *folder, size_t size);

/* Reads and decodes the picture at `path`; "-" is stdin. */
mn_status cli_picture_load(const char *path, mn_image **image, mn_error *err);

/* A word of warning where the picture is in colour and the model has learned from gray ones, or the other way round. */
void cli_warn_channels(const mn_model *model, const mn_image *image);

/* Whether the name ends like a picture file. */
bool cli_is_picture(const char *name);

/* A list of paths. */
typedef struct cli_paths {
    char **paths;
    int count, capacity;
} cli_paths;
void cli_paths_add(cli_paths *list, const char *path);
/* Adds `operand`: a folder stands for the pictures in it, sorted by name. false, having said why, where the folder
 * cannot be read or holds no picture. */
bool cli_paths_expand(cli_paths *list, const char *operand);
void cli_paths_free(cli_paths *list);

#endif
