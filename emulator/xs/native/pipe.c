#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "pipe.h"

enum { FROM_BOARD = 3, TO_BOARD = 4 };

double boardMs = 0;

static FILE* in;
static FILE* out;

static void gone(const char* why)
{
	fprintf(stderr, "xs: %s\n", why);
	exit(1);
}

Frame receiveFrame(void)
{
	Frame frame;
	unsigned long length;
	char* storage;
	if (!in && !(in = fdopen(FROM_BOARD, "rb"))) gone("file descriptor 3 is no pipe from the board");
	if (fscanf(in, "%9lu", &length) != 1) {
		if (feof(in)) exit(0);	/* the board is switched off */
		gone("a frame does not begin with its length");
	}
	if (fgetc(in) != ':' || length < 1 + sizeof(double)) gone("a frame is too short");
	storage = malloc(length + 1);
	if (!storage) gone("no memory for a frame");
	if (fread(storage, 1, length, in) != length || fgetc(in) != ',') gone("a frame is cut off");
	storage[length] = 0;
	memcpy(&boardMs, storage + 1, sizeof(double));
	frame.kind = storage[0];
	frame.bytes = storage + 1 + sizeof(double);
	frame.length = length - 1 - sizeof(double);
	frame.storage = storage;
	return frame;
}

void freeFrame(Frame* frame)
{
	free(frame->storage);
	frame->storage = NULL;
}

void sendFrame(char kind, const void* head, size_t headLength, const void* body, size_t bodyLength)
{
	if (!out && !(out = fdopen(TO_BOARD, "wb"))) gone("file descriptor 4 is no pipe to the board");
	fprintf(out, "%zu:%c", 1 + headLength + bodyLength, kind);
	fwrite(head, 1, headLength, out);
	fwrite(body, 1, bodyLength, out);
	fputc(',', out);
	if (fflush(out) != 0) gone("the board has gone");
}

enum { PATH_BYTES_MAX = 1024 };

static int openPipe(char* path, const char* folder, const char* name)
{
	int file;
	snprintf(path, PATH_BYTES_MAX, "%s/%s", folder, name);
	if (mkfifo(path, 0600) != 0) gone("a pipe cannot be made");
	file = open(path, O_RDWR);	/* does not wait for the other end */
	if (file < 0) gone("a pipe cannot be opened");
	return file;
}

void movePipes(const char* folder)
{
	char down[PATH_BYTES_MAX], up[PATH_BYTES_MAX];
	int from = openPipe(down, folder, "down");
	int to = openPipe(up, folder, "up");
	Frame hello;
	sendFrame('.', NULL, 0, NULL, 0);
	dup2(from, FROM_BOARD);
	dup2(to, TO_BOARD);
	close(from);
	close(to);
	hello = receiveFrame();
	freeFrame(&hello);
	/* Reopened for reading only, else it would never read the end. */
	from = open(down, O_RDONLY);
	if (from < 0) gone("a pipe cannot be opened");
	dup2(from, FROM_BOARD);
	close(from);
	sendFrame('.', NULL, 0, NULL, 0);
}
